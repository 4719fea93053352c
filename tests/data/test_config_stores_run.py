"""The configurations that ship work together: telemetry goes through the gateway into the real Loki, Jaeger and Prometheus, and
what Grafana's data sources ask of each other leads to it.

What differs from what ships: folders, addresses, and the way to the Kubernetes API.
"""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.addresses import loopback
from tests.support.collector_process import Gateway, key_values, logs, span, traces, value
from tests.support.http_json import ask
from tests.support.jaeger_process import Jaeger
from tests.support.loki_process import CONFIG as LOKI
from tests.support.loki_process import Loki
from tests.support.prometheus_process import Prometheus, cluster, service
from tests.support.tool_process import running
from tests.support.waiting import wait_until

CONFIG = Path(__file__).parents[2] / "config"
DATASOURCES = {
    source["uid"]: source for source in yaml.safe_load((CONFIG / "grafana/datasources.yaml").read_text())["datasources"]
}
NAME = "POST /api/orders"


@dataclass
class Stores:
    """The running stores by their base URLs."""

    loki: str
    jaeger: str
    prometheus: str
    gateway: Gateway


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("stores")
    loki, jaeger, scraper = Loki(folder / "loki", LOKI.read_text()), Jaeger(folder / "jaeger"), loopback()
    gateway = Gateway(
        folder / "gateway",
        {
            "logs": f"{loki.url}/otlp",
            "traces": f"http://{jaeger.address}:4318",
            "metrics": f"http://{scraper}:9090/api/v1/otlp",
        },
    )
    prometheus = Prometheus(
        folder / "prometheus",
        scraper,
        {"prometheus.yaml": (CONFIG / "prometheus/prometheus.yaml").read_text()},
        cluster(
            service("otel-collector", "metrics", 8888, [gateway.address]), service("other", "http", 4318, ["127.0.0.1"])
        ),
    )
    with running(jaeger), running(prometheus), running(loki), running(gateway):
        yield Stores(loki.url, jaeger.url, prometheus.url, gateway)


@pytest.fixture(scope="module")
def trace(stores: Stores) -> str:
    """The id of a trace that is in every store: its span, a log record of it, and the span's metrics."""
    order, told = (
        secrets.token_hex(16),
        {"http.route": "/api/orders", "http.request.method": "POST", "http.response.status_code": 500},
    )
    now = str(time.time_ns())
    record = {
        "body": value("order refused"),
        "timeUnixNano": now,
        "severityText": "ERROR",
        "traceId": order,
        "spanId": secrets.token_hex(8),
    }
    counter = {
        "dataPoints": [{"asInt": "7", "startTimeUnixNano": now, "timeUnixNano": now}],
        "isMonotonic": True,
        "aggregationTemporality": 2,
    }
    resource = {"attributes": key_values({"service.name": "workers"})}
    metrics = {
        "resourceMetrics": [
            {"resource": resource, "scopeMetrics": [{"metrics": [{"name": "orders.refused", "sum": counter}]}]}
        ]
    }
    for at in range(2):
        spans = [span(NAME, failed=True, trace=order if not at else None, attributes=told)]
        assert stores.gateway.send("traces", traces(spans)) == 200
        assert stores.gateway.send("logs", logs([record])) == 200
        assert stores.gateway.send("metrics", metrics) == 200
        time.sleep(1.2)
    return order


def _prometheus(stores: Stores, query: str) -> list[dict[str, Any]]:
    return ask(f"{stores.prometheus}/api/v1/query", query=query)["data"]["result"]


def _filled(query: str, **values: str) -> str:
    """``query`` as Grafana sends it: first the environment's escapes are undone, then its own variables are filled in."""
    query = query.replace("$$", "$")
    for name, filled in values.items():
        query = query.replace(f"${{{name.replace('_dot_', '.')}}}", filled)
    assert "${" not in query
    return query


def test_a_span_leads_to_the_records_of_its_trace_and_a_record_back(stores: Stores, trace: str) -> None:
    query = _filled(DATASOURCES["jaeger"]["jsonData"]["tracesToLogsV2"]["query"], __trace_dot_traceId=trace)

    def found() -> list[dict[str, Any]]:
        return ask(f"{stores.loki}/loki/api/v1/query_range", query=query)["data"]["result"]

    wait_until(lambda: bool(found()), 20, f"the records of {query}")
    (field,) = DATASOURCES["loki"]["jsonData"]["derivedFields"]
    for stream in found():
        assert field["matcherType"] == "label"
        assert stream["stream"][field["matcherRegex"]] == trace
        assert (stream["stream"]["service_name"], stream["stream"]["k8s_namespace_name"]) == ("api", "trading")
        assert [line for _, line in stream["values"]] == ["order refused"] * len(stream["values"])


def test_only_few_attributes_make_a_stream(stores: Stores, trace: str) -> None:
    labels = set(ask(f"{stores.loki}/loki/api/v1/labels")["data"])
    assert {"service_name", "deployment_environment_name", "k8s_namespace_name"} <= labels
    assert labels <= {
        "service_name",
        "deployment_environment_name",
        "k8s_namespace_name",
        "__stream_shard__",
    }


def test_a_trace_is_in_jaeger(stores: Stores, trace: str) -> None:
    (found,) = wait_until(lambda: ask(f"{stores.jaeger}/api/traces/{trace}"), 20, "the trace")["data"]
    (kept,) = found["spans"]
    assert kept["operationName"] == NAME
    assert {process["serviceName"] for process in found["processes"].values()} == {"api"}


def test_a_span_leads_to_metrics_of_its_name(stores: Stores, trace: str) -> None:
    queries = DATASOURCES["jaeger"]["jsonData"]["tracesToMetrics"]["queries"]
    assert len(queries) == 3
    for query in queries:
        filled = _filled(query["query"], __span_dot_name=NAME)
        wait_until(lambda: bool(_prometheus(stores, filled)), 20, filled)  # noqa: B023
        assert {series["metric"]["service_name"] for series in _prometheus(stores, filled)} == {"api"}


def test_span_metrics_carry_the_labels_that_rules_and_panels_name(stores: Stores, trace: str) -> None:
    calls = f'traces_span_metrics_calls_total{{span_name="{NAME}"}}'
    wait_until(lambda: [item["value"][1] for item in _prometheus(stores, calls)] == ["2"], 20, f"two calls: {calls}")
    (series,) = _prometheus(stores, calls)
    told = {
        "service_name": "api",
        "span_kind": "SPAN_KIND_SERVER",
        "status_code": "STATUS_CODE_ERROR",
        "http_route": "/api/orders",
    }
    told |= {
        "http_request_method": "POST",
        "http_response_status_code": "500",
        "deployment_environment_name": "local",
        "job": "api",
    }
    assert told.items() <= series["metric"].items()
    bounds = {item["metric"]["le"] for item in _prometheus(stores, "traces_span_metrics_duration_seconds_bucket")}
    assert "0.2" in bounds  # the guide's latency threshold is a bucket's bound, so its quantile is no guess


def test_an_exemplar_leads_to_a_trace(stores: Stores, trace: str) -> None:
    (destination,) = DATASOURCES["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]

    def exemplars() -> set[str]:
        asked = {
            "query": "traces_span_metrics_duration_seconds_bucket",
            "start": time.time() - 300,
            "end": time.time() + 60,
        }
        found = ask(f"{stores.prometheus}/api/v1/query_exemplars", **asked)["data"]
        return {item["labels"][destination["name"]] for series in found for item in series["exemplars"]}

    wait_until(lambda: trace in exemplars(), 20, "the exemplar")


def test_a_metric_sent_by_otlp_has_a_classic_name_and_says_whose_it_is(stores: Stores, trace: str) -> None:
    wait_until(lambda: bool(_prometheus(stores, "orders_refused_total")), 20, "the metric")
    told = {
        "service_name": "workers",
        "deployment_environment_name": "local",
        "k8s_cluster_name": "test",
        "k8s_namespace_name": "trading",
    }
    assert all(told.items() <= series["metric"].items() for series in _prometheus(stores, "orders_refused_total"))


def test_a_service_with_a_metrics_port_is_scraped_under_its_name(stores: Stores) -> None:
    wait_until(lambda: bool(_prometheus(stores, "up == 1")), 30, "a target")
    (series,) = _prometheus(stores, "up")
    labels = {key: item for key, item in series["metric"].items() if key not in {"__name__", "instance"}}
    assert labels == {
        "job": "otel-collector",
        "service": "otel-collector",
        "namespace": "observability",
        "pod": "otel-collector-0",
        "environment": "local",
    }
    assert re.fullmatch(r"[\d.]+:8888", series["metric"]["instance"])


def test_a_monstrous_record_is_stored_beside_its_neighbours(stores: Stores) -> None:
    end = secrets.token_hex(8)
    many = key_values({f"key{number}": "x" * 10_000 for number in range(400)})
    monster = {"body": value(f"monster {end} " + "é" * 1_000_000), "attributes": many}
    assert (
        stores.gateway.send(
            "logs",
            logs([f"before {end}", monster, f"after {end}"], **{f"wide{number}": "y" * 5000 for number in range(200)}),
        )
        == 200
    )

    def lines() -> list[str]:
        found = ask(f"{stores.loki}/loki/api/v1/query_range", query=f'{{service_name="api"}} |= "{end}"')["data"][
            "result"
        ]
        return sorted(line for stream in found for _, line in stream["values"])

    wait_until(lambda: len(lines()) == 3, 20, "three records")
    assert [line.partition(" ")[0] for line in lines()] == ["after", "before", "monster"]
    refused = [
        line
        for line in stores.gateway.own_metrics().splitlines()
        if line.startswith("otelcol_exporter_send_failed_log_records_total{")
    ]
    assert [line for line in refused if not line.endswith(" 0")] == []
