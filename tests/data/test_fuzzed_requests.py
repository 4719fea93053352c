"""Random but valid requests of all signals, through the gateway that ships into the real stores: none is ever refused.

A well-behaved service's telemetry is in the same batches, and arrives whole. What random senders send arrives in some form.

Every run sends the same requests; ``FUZZ_SEED`` makes others, ``FUZZ_REQUESTS`` more of them.
"""

import http.client
import os
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from components.collector import LOKI_LATE_HOURS, MAX_QUEUE_HOURS
from tests.data.overlays import merged_choice
from tests.support.collector_process import Gateway, Sink
from tests.support.http_json import ask
from tests.support.jaeger_process import Jaeger
from tests.support.loki_rules import LokiRules, label_name, refusals
from tests.support.prometheus_process import Prometheus
from tests.support.random_otlp import RandomOtlp
from tests.support.real_stores import RealStores
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

GATEWAY = merged_choice(("logs-victorialogs", "logs-otlp"))
SIGNALS = ("logs", "traces", "metrics")
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
RECORD = {"good": "yes", "request_id": "r-1", "price": "64123.50", "note": "ordinary, of no interest"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
REQUEST: dict[str, Callable[[], Any]] = {
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
FAILED = re.compile(r"^(otelcol_exporter_(?:send|enqueue)_failed_\w+)\{(.*)\} (\d+)$", re.M)


@dataclass
class Stores:
    gateway: Gateway
    victorialogs: VictoriaLogs
    loki: LokiRules
    jaeger: Jaeger
    prometheus: Prometheus
    sent: Counter[str] = field(default_factory=Counter[str])
    good: dict[str, dict[str, str]] = field(
        default_factory=lambda: {signal: {} for signal in ("logs", "traces", "metrics")}
    )
    """What the well-behaved service has sent, by signal and name, with a span's trace."""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    behind, loki = RealStores(tmp_path), LokiRules()
    prometheus = behind.prometheus()
    gateway = Gateway(
        tmp_path / "gateway",
        behind.endpoints,
        text=GATEWAY,
        environment={"LOGS_COPY_ENDPOINT": loki.url, "LOGS_MAX_AGE": f"{LOKI_LATE_HOURS - MAX_QUEUE_HOURS}h"},
        variant=_as_here,
    )
    with running(behind.logs), running(loki), running(behind.jaeger), running(prometheus), running(gateway):
        yield Stores(gateway, behind.logs, loki, behind.jaeger, prometheus)


def _as_here(config: dict[str, Any]) -> None:
    """The second store of logs is here and gets its records as soon as the first. Span metrics come as seldom as in production."""
    config["connectors"]["span_metrics"]["metrics_flush_interval"] = "15s"
    config["exporters"]["otlp_http/logs_copy"]["sending_queue"]["batch"]["flush_timeout"] = "200ms"


def _send(stores: Stores, number: int) -> None:
    made = RandomOtlp(SEED)
    connection = http.client.HTTPConnection(stores.gateway.address, 4318, timeout=60)
    for at in range(number):
        signal = SIGNALS[at % len(SIGNALS)]
        # The first are of the well-behaved service alone: names of its own are known before there are too many.
        request = getattr(made, signal)() if at >= len(SIGNALS) else REQUEST[signal]()
        _add_good(stores, signal, request, at)
        connection.request("POST", f"/v1/{signal}", request.SerializeToString(), PROTOBUF)
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status == 200, f"{signal} of request {at} of seed {SEED}: {answer.status} {told[:500]!r}"
        stores.sent[signal] += _items(signal, request)
    connection.close()


def _items(signal: str, request: Any) -> int:
    """How many records or spans a request has."""
    groups, scopes, items = {
        "logs": ("resource_logs", "scope_logs", "log_records"),
        "traces": ("resource_spans", "scope_spans", "spans"),
        "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    }[signal]
    return sum(len(getattr(scope, items)) for group in getattr(request, groups) for scope in getattr(group, scopes))


def _add_good(stores: Stores, signal: str, request: Any, at: int) -> None:
    """What a well-behaved service sends beside it."""
    now, name, trace = time.time_ns(), f"order {at} accepted", secrets.token_bytes(16)
    stores.good[signal][name] = trace.hex()
    if signal == "logs":
        record = _good(request.resource_logs.add()).scope_logs.add().log_records.add(time_unix_nano=now)
        record.body.string_value, record.severity_text, record.severity_number = name, "INFO", 9
        _describe(record, RECORD)
    elif signal == "traces":
        span = _good(request.resource_spans.add()).scope_spans.add().spans.add(name=name, kind=2, trace_id=trace)
        span.span_id, span.start_time_unix_nano, span.end_time_unix_nano = trace[:8], now - 10**7, now
        _describe(span, RECORD)
    else:
        metric = _good(request.resource_metrics.add()).scope_metrics.add().metrics.add(name="good.orders")
        _describe(metric.gauge.data_points.add(time_unix_nano=now, as_int=at), {"number": str(at)})


def _good(group: Any) -> Any:
    _describe(group.resource, {"service.name": "api", "service.instance.id": "good"})
    return group


def _describe(item: Any, values: dict[str, str]) -> None:
    for key, text in values.items():
        item.attributes.add(key=key).value.string_value = text


def _failures(stores: Stores) -> list[str]:
    told = stores.gateway.own_metrics()
    return [f"{name}{{{labels}}} {number}" for name, labels, number in FAILED.findall(told) if number != "0"]


def _waiting(stores: Stores) -> float:
    found = re.findall(r"^otelcol_exporter_queue_size\{.*\} (\S+)$", stores.gateway.own_metrics(), re.M)
    return sum(map(float, found))


def _troubles(stores: Stores) -> list[str]:
    """What the gateway says of stores that did not take something."""
    return [
        line[:1000]
        for line in stores.gateway.log().splitlines()
        if '"level":"error"' in line or "Exporting failed" in line
    ]


def _arrived(stores: Stores) -> dict[str, int]:
    stores.victorialogs.flush()
    sent = re.findall(
        r'^otelcol_exporter_sent_spans_total\{.*exporter="otlp_http/traces".*\} (\d+)$',
        stores.gateway.own_metrics(),
        re.M,
    )
    return {
        "VictoriaLogs": stores.victorialogs.number("*"),
        "Loki's rules": len(stores.loki.records),
        "Jaeger": sum(map(int, sent)),
    }


def _drive(stores: Stores, number: int) -> None:
    _send(stores, number)
    expected = {
        "VictoriaLogs": stores.sent["logs"],
        "Loki's rules": stores.sent["logs"],
        "Jaeger": stores.sent["traces"],
    }

    def state() -> str:
        troubles = f"{stores.loki.refused[:5]} {_failures(stores)} {_troubles(stores)[:3]}"
        return f"seed {SEED}: expected {expected}, arrived {_arrived(stores)}; {troubles}"

    def settled() -> bool:
        return bool(_failures(stores)) or (_arrived(stores) == expected and _waiting(stores) == 0)

    wait_until(settled, 60, state)
    assert _arrived(stores) == expected, state()
    assert stores.loki.refused == [], state()
    assert _failures(stores) == [], state()
    assert _troubles(stores) == [], state()
    dropped = [
        line for line in stores.victorialogs.own_metrics().splitlines() if line.startswith("vl_rows_dropped_total")
    ]
    assert [line for line in dropped if not line.endswith(" 0")] == [], state()
    _check_good(stores)


def _check_good(stores: Stores) -> None:
    bodies = stores.good["logs"].keys()
    rows = stores.victorialogs.query('good:="yes" request_id:="r-1"', limit=10 * len(bodies))
    whole = {
        row["_msg"]
        for row in rows
        if RECORD.items() <= row.items() and row["severity_text"] == "INFO" and "atlas.cut" not in row
    }
    assert bodies <= whole, f"seed {SEED}"
    taken = {
        record.body.string_value
        for record in stores.loki.records
        if [(pair.key, pair.value.string_value) for pair in record.attributes] == list(RECORD.items())
    }
    assert bodies <= taken, f"seed {SEED}"
    for name, trace in list(stores.good["traces"].items())[:: max(len(stores.good["traces"]) // 20, 1)]:
        (found,) = ask(f"{stores.jaeger.url}/api/traces/{trace}")["data"]
        (span,) = found["spans"]
        assert span["operationName"] == name
        assert RECORD.items() <= {tag["key"]: tag["value"] for tag in span["tags"]}.items(), f"seed {SEED}"
    points = stores.good["metrics"].keys()
    wait_until(
        lambda: len(stores.prometheus.query("last_over_time(good_orders[1h])")) == len(points),
        20,
        f"seed {SEED}: the points",
    )


def test_no_store_refuses_what_the_gateway_lets_through(stores: Stores) -> None:
    _drive(stores, REQUESTS)


@pytest.mark.slow
def test_no_store_refuses_ten_thousand_requests(stores: Stores) -> None:
    _drive(stores, 10_000)


def test_the_driver_sees_a_gateway_that_lets_everything_through(tmp_path: Path) -> None:
    def as_it_is(config: dict[str, Any]) -> None:
        for pipeline in config["service"]["pipelines"].values():
            pipeline["processors"] = [name for name in pipeline.get("processors", []) if name != "sanitize"]

    loki, other, made = LokiRules(), Sink(), RandomOtlp(SEED)
    stores = {"logs": loki.url, "traces": other.url, "metrics": other.url}
    with running(loki), running(Gateway(tmp_path, stores, variant=as_it_is)) as gateway:
        for _ in range(50):
            connection = http.client.HTTPConnection(gateway.address, 4318, timeout=60)
            connection.request("POST", "/v1/logs", made.logs().SerializeToString(), PROTOBUF)
            assert connection.getresponse().status == 200
        wait_until(lambda: bool(loki.refused), 20, f"seed {SEED}: a refusal")


def test_the_same_seed_makes_the_same_requests() -> None:
    def without_times(request: Message) -> str:
        return re.sub(r"time_unix_nano: \d+", "", str(request))

    for signal in ("logs", "traces", "metrics"):
        one, other = (getattr(RandomOtlp(7), signal)() for _ in range(2))
        assert without_times(one) == without_times(other)


@pytest.mark.parametrize("name", ["", " ", "_", "$", "@", ".", "中文", "ключ", "🙂", "___"])
def test_the_stand_in_refuses_a_name_as_loki_does(name: str) -> None:
    with pytest.raises(ValueError, match="label name"):
        label_name(name)
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.attributes.add(key="nested").value.kvlist_value.values.add(key=name).value.string_value = "x"
    with pytest.raises(ValueError, match="label name"):
        list(refusals(request))


def test_the_stand_in_refuses_sizes_as_loki_does() -> None:
    now = time.time_ns()
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    wide, long, heavy, good = (records.add(time_unix_nano=now) for _ in range(4))
    for number in range(200):
        wide.attributes.add(key="below").value.kvlist_value.values.add(key=f"key{number}").value.int_value = number
    long.body.string_value = "x" * (256 * 1024 + 1)
    heavy.attributes.add(key="blob").value.string_value = "x" * (64 << 10)
    good.body.string_value = "good"
    told = list(refusals(request))
    assert [re.sub(r"\d+", "N", reason) for reason in told] == ["N fields", "a line of N bytes", "fields of N bytes"]


def test_names_become_labels_as_the_translator_makes_them() -> None:
    made = {
        "http.method": "http_method",
        "1": "key_1",
        "a..b": "a_b",
        "__reserved__": "__reserved__",
        "a": "a",
        "_a": "_a",
    }
    assert {name: label_name(name) for name in made} == made
