"""Metrics that are pushed, through the real gateway into the real Prometheus: no sender's bad point costs another's good ones.

Prometheus rolls a whole request back for one point that it refuses. Each bad thing is sent in one request with good points of
another service.
"""

import http.client
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.addresses import loopback
from tests.support.collector_process import AGENT, API, CONFIG, Gateway, Sink, key_values
from tests.support.prometheus_process import Prometheus, cluster
from tests.support.tool_process import running
from tests.support.waiting import wait_until

GOOD = 78
PROMETHEUS = CONFIG.parents[1] / "prometheus/prometheus.yaml"
MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
CUMULATIVE, DELTA = 2, 1


@dataclass
class Flow:
    gateway: Gateway
    store: Prometheus

    def push(self, *resources: dict[str, Any]) -> None:
        assert self.gateway.send("metrics", {"resourceMetrics": list(resources)}) == 200

    def dropped(self, sender: str) -> dict[str, int]:
        """How many points the gateway has left out of a sender, by reason."""
        pattern = rf'^otelcol_processor_sanitize_dropped_data_points_total\{{.*sender="{sender}".*\}} (\d+)$'
        found: dict[str, int] = {}
        for line in re.finditer(pattern, self.gateway.own_metrics(), re.MULTILINE):
            reason = re.search(r'reason="(\w+)"', line[0])
            assert reason
            found[reason[1]] = int(line[1])
        return found

    def names(self, service: str) -> set[str]:
        """The series of a service."""
        return {each["metric"]["__name__"] for each in self.store.query(f'{{service_name="{service}"}}')}


WHO_SENDS = {"transform/marks", "k8s_attributes/agents", "transform/claims", "k8s_attributes", "transform/streams"}


def by_name(config: dict[str, Any]) -> None:
    """Senders are who they say, so that one request holds points of two."""
    pipeline = config["service"]["pipelines"]["metrics"]
    pipeline["processors"] = [each for each in pipeline["processors"] if each not in WHO_SENDS]


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    folder, sink = tmp_path_factory.mktemp("pushed"), Sink()
    store = Prometheus(folder / "prometheus", loopback(), {"prometheus.yaml": PROMETHEUS.read_text()}, cluster())
    stores = {"logs": sink.url, "traces": sink.url, "metrics": f"{store.url}/api/v1/otlp"}
    with running(store), running(Gateway(folder / "gateway", stores, variant=by_name)) as gateway:
        yield Flow(gateway, store)


def resource(service: str, metrics: list[dict[str, Any]], **attributes: Any) -> dict[str, Any]:
    told = {"service.name": service, "service.instance.id": "one", **attributes}
    return {"resource": {"attributes": key_values(told)}, "scopeMetrics": [{"metrics": metrics}]}


def good(service: str) -> dict[str, Any]:
    """A well-behaved service's points of several kinds."""
    kinds: list[dict[str, Any]] = [
        gauge(f"good.{number}", point(attributes=key_values({"place": str(number)}))) for number in range(GOOD - 3)
    ]
    kinds += [total("good.total"), histogram("good.time"), exponential("good.native")]
    return resource(service, kinds)


def point(age: int = 0, **more: Any) -> dict[str, Any]:
    return {"asDouble": 1.5, "timeUnixNano": str(time.time_ns() - age), **more}


def gauge(name: str, *points: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "gauge": {"dataPoints": list(points or (point(),))}, **more}


def total(name: str, *points: dict[str, Any], temporality: int = CUMULATIVE) -> dict[str, Any]:
    points = points or (point(),)
    return {"name": name, "sum": {"dataPoints": points, "isMonotonic": True, "aggregationTemporality": temporality}}


def histogram(name: str, temporality: int = CUMULATIVE, **more: Any) -> dict[str, Any]:
    told = {"explicitBounds": [1.0, 2.0], "bucketCounts": ["1", "2", "3"], "count": "6", "sum": 9.0, **more}
    points = [{"timeUnixNano": str(time.time_ns()), **told}]
    return {"name": name, "histogram": {"dataPoints": points, "aggregationTemporality": temporality}}


def exponential(name: str, temporality: int = CUMULATIVE, scale: int = 3, **more: Any) -> dict[str, Any]:
    told = {
        "scale": scale,
        "count": "6",
        "sum": 9.0,
        "zeroCount": "1",
        "positive": {"offset": 1, "bucketCounts": ["2", "3"]},
        **more,
    }
    points = [{"timeUnixNano": str(time.time_ns()), **told}]
    return {"name": name, "exponentialHistogram": {"dataPoints": points, "aggregationTemporality": temporality}}


def summary(name: str, *quantiles: Any) -> dict[str, Any]:
    values = [{"quantile": each, "value": 1.0} for each in quantiles]
    return {
        "name": name,
        "summary": {
            "dataPoints": [{"timeUnixNano": str(time.time_ns()), "count": "3", "sum": 2.0, "quantileValues": values}]
        },
    }


def labelled(**labels: str) -> Callable[[], dict[str, Any]]:
    return lambda: gauge("bad", point(attributes=key_values(labels)))


LEFT_OUT: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "a sum of no temporality": ("temporality", lambda: total("bad", temporality=0)),
    "a histogram of no temporality": ("temporality", lambda: histogram("bad", 0)),
    "an exponential histogram of no temporality": ("temporality", lambda: exponential("bad", 0)),
    "an exponential histogram of scale -5": ("scale", lambda: exponential("bad", scale=-5)),
    "one hour ahead": ("future", lambda: gauge("bad", point(-HOUR))),
    "six minutes ahead": ("future", lambda: gauge("bad", point(-6 * MINUTE))),
    "the end of time": ("future", lambda: gauge("bad", point() | {"timeUnixNano": str(2**64 - 1)})),
    "three hours old": ("old", lambda: gauge("bad", point(3 * HOUR))),
    "of 1970": ("old", lambda: gauge("bad", point() | {"timeUnixNano": "1"})),
    "a histogram three hours old": ("old", lambda: histogram("bad", timeUnixNano=str(time.time_ns() - 3 * HOUR))),
    "a point without a value": ("invalid", lambda: gauge("bad", {"timeUnixNano": str(time.time_ns())})),
    "a metric without a kind": ("invalid", lambda: {"name": "bad"}),
    "buckets and bounds that do not fit": ("invalid", lambda: histogram("bad", bucketCounts=["1", "2"])),
    "bounds that are not sorted": ("invalid", lambda: histogram("bad", explicitBounds=[2.0, 1.0])),
    "a bound twice": ("invalid", lambda: histogram("bad", explicitBounds=[1.0, 1.0])),
    "a bound that is no number": ("invalid", lambda: histogram("bad", explicitBounds=[1.0, "NaN"])),
    "an exponential histogram whose count is not that of its buckets": (
        "invalid",
        lambda: exponential("bad", count="7"),
    ),
    "an exponential histogram with buckets beyond the largest number": (
        "invalid",
        lambda: exponential("bad", positive={"offset": 2**31 - 1, "bucketCounts": ["2", "3"]}),
    ),
    "an exponential histogram with more in a bucket than there are numbers": (
        "invalid",
        lambda: exponential("bad", count=str(2**63 + 1), positive={"offset": 0, "bucketCounts": [str(2**63)]}),
    ),
    "too many buckets": (
        "size",
        lambda: histogram("bad", explicitBounds=[*map(float, range(2000))], bucketCounts=["1"] * 2001),
    ),
    "a quantile above 1": ("invalid", lambda: summary("bad", 1.5)),
    "a quantile that is no number": ("invalid", lambda: summary("bad", "NaN")),
    "too many labels": ("labels", labelled(**{f"label{number}": "x" for number in range(100)})),
}
"""What is left out, and the reason that is counted."""

KEPT: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "time 0": ("bad", lambda: gauge("bad", point() | {"timeUnixNano": "0"})),
    "a start after the time": ("bad_total", lambda: total("bad", point(startTimeUnixNano=str(2**63)))),
    "a sum of deltas": ("bad_total", lambda: total("bad", temporality=DELTA)),
    "a histogram of deltas": ("bad_count", lambda: histogram("bad", DELTA)),
    "an exponential histogram of deltas": ("bad", lambda: exponential("bad", DELTA)),
    "a name without a Latin letter": ("u0446_u0435_u043d_u0430", lambda: gauge("цена")),
    "a name of an emoji": ("u1f680", lambda: gauge("🚀")),
    "a name of underscores": ("u005f_u005f_u005f", lambda: gauge("___")),
    "no name": ("unnamed", lambda: gauge("")),
    "a name of blanks": ("u0020", lambda: gauge(" ")),
    "a name that begins with a digit": ("_5xx", lambda: gauge("5xx")),
    "a very long name": ("x" * 255, lambda: gauge("x" * 10_000)),
    "a name with a null byte": ("a_b", lambda: gauge("a\0b")),
    "a label without a Latin letter": ('bad{u0446_u0435_u043d_u0430="1"}', labelled(цена="1")),
    "a label without a name": ('bad{unnamed="1"}', labelled(**{"": "1"})),
    "a label of an underscore": ('bad{u005f="1"}', labelled(_="1")),
    "a label without a value": ("bad", labelled(empty="")),
    "the name of a series as a label": ('bad{exported_name="up"}', labelled(__name__="up")),
    "the bound of a bucket as a label": ('bad{le="1"}', labelled(le="1")),
    "another's job": ('bad{exported_job="api"}', labelled(job="api")),
    "another's instance": ('bad{exported_instance="api-0"}', labelled(instance="api-0")),
    "another's service": ('bad{exported_service_name="api"}', labelled(**{"service.name": "api"})),
    "another's pod": ('bad{exported_k8s_pod_name="api-0"}', labelled(k8s_pod_name="api-0")),
    "labels that become one": ('bad{a_b="2;1"}', labelled(**{"a.b": "1", "a-b": "2"})),
    "a very long value": (f'bad{{long="{"x" * 1024}"}}', labelled(long="x" * 100_000)),
    "a null byte in a value": ("bad", labelled(null="a\0b")),
    "an explicit last bound": ("bad_count", lambda: histogram("bad", explicitBounds=[1.0, "Infinity"])),
    "a histogram without buckets": ("bad_count", lambda: histogram("bad", explicitBounds=[], bucketCounts=[])),
    "the same series twice": ("bad", lambda: gauge("bad", point(asDouble=1), point(asDouble=2))),
    "the same quantile twice": ("bad", lambda: summary("bad", 0.5, 0.5)),
    "an exemplar without a value": ("bad_total", lambda: total("bad", point(exemplars=[{}]))),
    "an exemplar of 1970": (
        "bad_total",
        lambda: total("bad", point(exemplars=[{"asDouble": 1, "timeUnixNano": "1"}])),
    ),
    "an exemplar with too much text": (
        "bad_total",
        lambda: total(
            "bad", point(exemplars=[{"asDouble": 1, "filteredAttributes": key_values({"": "x" * 5000, "_": "y"})}])
        ),
    ),
    "a number that is none": ("bad", lambda: gauge("bad", point(asDouble="NaN"))),
    "a value that ends the series": ("", lambda: gauge("bad", point(flags=1))),
    "an odd unit": ("bad", lambda: gauge("bad", unit="🚀/😀")),
    "a metric without points": ("", lambda: {"name": "bad", "gauge": {}}),
}
"""What is stored, as which series; nothing where there is none to see."""

RESERVED: dict[str, dict[str, Any]] = {
    "a limit": gauge("atlas:limit:daily_max_loss"),
    "what a rule records, in whatever name": gauge("any:other"),
    "the last price": gauge("atlas_last_price"),
    "the last price, as OpenTelemetry writes it": gauge("atlas.last.price"),
    "the kill switch": gauge("atlas_kill_switch"),
    "the kill switch by its unit": gauge("atlas.kill", unit="switch"),
    "a counter, by the suffix that it gets": total("http.requests"),
    "a counter, by its unit and suffix": total("redis.commands.duration.seconds") | {"name": "http.requests.total"},
    "buckets of a histogram": histogram("http.request.duration") | {"unit": "s"},
    "the count of a summary": summary("atlas.order.processing.seconds", 0.5),
    "the count alone": gauge("atlas_order_processing_seconds_count"),
    "up": gauge("up"),
    "up as a counter of nothing": gauge("up", unit="{up}"),
    "alerts": gauge("ALERTS"),
    "the state of alerts": gauge("ALERTS_FOR_STATE"),
    "target_info": gauge("target.info"),
    "what Prometheus says of a scrape": gauge("scrape_samples_scraped"),
    "what Prometheus says of itself": total("prometheus.tsdb.head.samples.appended"),
    "a node's memory, by a pod": gauge("system.memory.usage", unit="By"),
    "calls that the gateway counts": total("traces.span.metrics.calls"),
}


def test_prometheus_refuses_a_request_for_one_bad_point(flow: Flow) -> None:
    """Else there would be nothing to do."""
    body = {"resourceMetrics": [good("nobody"), resource("bad", [total("bad", temporality=DELTA)])]}
    connection = http.client.HTTPConnection(flow.store.url.removeprefix("http://"))
    connection.request("POST", "/api/v1/otlp/v1/metrics", json.dumps(body), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 500
    assert flow.names("nobody") == set()


@pytest.mark.parametrize("kind", [*LEFT_OUT, *KEPT, *RESERVED])
def test_what_one_sends_costs_nothing_of_another(flow: Flow, kind: str) -> None:
    beside, sender = f"good-{secrets.token_hex(4)}", f"bad-{secrets.token_hex(4)}"
    metric = RESERVED[kind] if kind in RESERVED else (LEFT_OUT | KEPT)[kind][1]()
    flow.push(resource(sender, [metric, gauge("also")]), good(beside))
    wait_until(lambda: len(flow.names(beside)) >= GOOD + 2, 10, "the good points")
    # Three of a histogram; what else the bad one sends.
    assert len(flow.names(beside)) == GOOD + 2
    assert "also" in flow.names(sender)
    if kind in KEPT:
        series = KEPT[kind][0]
        name, _, labels = series.rstrip("}").partition("{")
        assert not series or flow.store.query(f'{{__name__="{name}", service_name="{sender}", {labels}}}')
        assert flow.dropped(sender) == {}
    else:
        assert flow.names(sender) == {"also"}
        assert flow.dropped(sender) == {LEFT_OUT[kind][0] if kind in LEFT_OUT else "reserved": 1}


def test_another_value_at_the_same_time_costs_that_point_alone(flow: Flow) -> None:
    """No gateway can know it before: the other value may have come by another one."""
    beside, sender = f"good-{secrets.token_hex(4)}", f"twice-{secrets.token_hex(4)}"
    first = point(asDouble=1)
    flow.push(resource(sender, [gauge("twice", first)]))
    wait_until(lambda: flow.names(sender) == {"twice"}, 10, "the first value")
    again = [gauge("twice", first | {"asDouble": 2}), *(gauge(f"also.{number}") for number in range(50))]
    flow.push(good(f"{beside}-a"), resource(sender, again), good(f"{beside}-b"))
    wait_until(lambda: len(flow.names(f"{beside}-b")) == GOOD + 2, 10, "the good points")
    assert len(flow.names(f"{beside}-a")) == GOOD + 2
    assert len(flow.names(sender)) == 51
    assert flow.store.query(f'twice{{service_name="{sender}"}}')[0]["value"][1] == "1"
    assert flow.dropped(sender) == {"refused": 1}


@pytest.mark.parametrize("kind", ["sum", "histogram", "exponential histogram"])
def test_a_rare_event_that_is_told_once_as_a_delta_is_an_increase(flow: Flow, kind: str) -> None:
    """To Prometheus the first sample of a series is none, and there may be no second."""
    service = f"rare-{secrets.token_hex(4)}"
    since: dict[str, Any] = {"startTimeUnixNano": str(time.time_ns() - 30 * 10**9)}
    metric, query = {
        "sum": (total("failures", point(**since, asDouble=3), temporality=DELTA), "increase(failures_total{%s}[5m])"),
        "histogram": (histogram("failures", DELTA, **since, count="6"), "increase(failures_count{%s}[5m]) / 2"),
        "exponential histogram": (
            exponential("failures.native", DELTA, **since),
            "histogram_count(increase(failures_native{%s}[5m])) / 2",
        ),
    }[kind]
    flow.push(resource(service, [metric]))
    increase = query % f'service_name="{service}"'
    wait_until(lambda: flow.store.query(increase), 10, "the increase")
    assert float(flow.store.query(increase)[0]["value"][1]) == pytest.approx(3, rel=0.1)  # pyright: ignore[reportUnknownMemberType]


@pytest.mark.parametrize("name", ["", "_", "中文", "__name__", "le", "job", "x" * 5000])
def test_a_resource_may_have_any_attribute(flow: Flow, name: str) -> None:
    beside, sender = f"good-{secrets.token_hex(4)}", f"odd-{secrets.token_hex(4)}"
    flow.push(resource(sender, [gauge("also")], **{name: "x"}), good(beside))
    wait_until(lambda: len(flow.names(beside)) == GOOD + 2, 10, "the good points")
    assert flow.names(sender) == {"also"}
    assert flow.store.query(f'target_info{{job="{sender}"}}')


def test_what_rules_read_of_a_node_its_agent_alone_may_push(tmp_path: Path) -> None:
    sink = Sink()
    with running(Gateway(tmp_path, sink)) as gateway:
        for source in (API, AGENT):
            metrics = [gauge("system.memory.usage", unit="By"), gauge(f"also.{source}")]
            assert gateway.send("metrics", {"resourceMetrics": [resource("x", metrics)]}, source) == 200
        wait_until(lambda: sink.metrics(f"also.{API}") and sink.metrics(f"also.{AGENT}"), 10, "both")
    assert len(sink.metrics("system.memory.usage")) == 1
    assert not any("atlas." in str(each) for each in sink.resources("metrics"))


def test_the_resource_attributes_that_are_labels_are_those_that_prometheus_promotes() -> None:
    ours = yaml.safe_load(CONFIG.read_text())["processors"]["sanitize"]["metrics"]["resource_labels"]
    assert ours == yaml.safe_load(PROMETHEUS.read_text())["otlp"]["promote_resource_attributes"]


def test_deltas_are_added_up_by_each_gateway_for_itself(flow: Flow, tmp_path: Path) -> None:
    """A sender's points come to several gateways: the sum of their series is the sender's."""
    service = f"delta-{secrets.token_hex(4)}"
    stores = {"logs": flow.store.url, "traces": flow.store.url, "metrics": f"{flow.store.url}/api/v1/otlp"}
    with running(Gateway(tmp_path, stores, environment={"HOSTNAME": "otel-collector-1"}, variant=by_name)) as other:
        for number in range(12):
            # Prometheus tells times apart by the millisecond.
            delta = total("orders", point((12 - number) * 10**8), temporality=DELTA)
            payload = {"resourceMetrics": [resource(service, [delta])]}
            assert (flow.gateway if number % 3 else other).send("metrics", payload) == 200
        wait_until(
            lambda: (
                [each["value"][1] for each in flow.store.query(f'sum(orders_total{{service_name="{service}"}})')]
                == ["18"]
            ),
            10,
            "the sum of all deltas",
        )
    found = flow.store.query(f'orders_total{{service_name="{service}"}}')
    assert {each["metric"]["collector_instance_id"]: each["value"][1] for each in found} == {
        "otel-collector-0": "12",
        "otel-collector-1": "6",
    }
