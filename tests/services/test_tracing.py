"""With the instrumentation beside them, and no word of it in their code: one trace through all services, ids in logs, metrics.

The services run as in their images; the Collector is the real one with the configuration that ships. It samples 0 %, and hands all
spans to a second store before that.
"""

import contextlib
import json
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.services import service_builds
from tests.services.platform_under_test import Data, Platform, platform
from tests.services.telemetry import Span, hops, line_of, spans
from tests.support.addresses import free_port
from tests.support.collector_process import Gateway, Sink
from tests.support.http_json import request
from tests.support.sessions import signed_in
from tests.support.tool_process import running as running_gateway
from tests.support.waiting import wait_until

NODE = service_builds.ROOT / "images/instrumentation/node"
PYTHON = service_builds.ROOT / "images/instrumentation/python"
SERVICES = ("ops-ui", "api", "workers")


@dataclass
class Traced:
    """The platform, and an order that was placed in ops-ui: its ids and the trace of the request.

    ``sink`` has every span, ``kept`` what is left after sampling.
    """

    platform: Platform
    sink: Sink
    kept: Sink
    url: str
    request_id: str
    order_id: str
    trace: str
    consumer: Span


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def traced(request: pytest.FixtureRequest, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder, sink, kept = tmp_path_factory.mktemp(f"traced-{request.param}"), Sink(), Sink()

    def unsampled(config: dict[str, Any]) -> None:
        config["exporters"]["otlp_http/all"] = {"endpoint": sink.url, "encoding": "json"}
        config["service"]["pipelines"]["traces"]["exporters"].append("otlp_http/all")

    gateway = Gateway(folder / "gateway", kept, sampling=0, variant=unsampled)
    shared = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{gateway.address}:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "TRACE_REDIS_MESSAGES": "true",
    }
    with running_gateway(gateway), platform(data, request.param, folder, **shared) as running:
        _start(running)
        yield _order_in_ops_ui(running, sink, kept)


def _start(running: Platform) -> None:
    password, url = secrets.token_urlsafe(16), "https://ops.example.com"
    running.password = password
    running.workers(extra=PYTHON, OTEL_SERVICE_NAME="workers")
    for service in ("api", "ops-ui"):
        running.ports[f"{service}-metrics"] = free_port()
    running.api(extra=NODE, **_preloaded(running, "api"))
    running.ops_ui(
        url,
        extra=NODE,
        NEXTAUTH_SECRET=secrets.token_urlsafe(32),
        OPS_UI_USER="operator",
        OPS_UI_PASSWORD_HASH=bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode(),
        **_preloaded(running, "ops-ui"),
    )


def _preloaded(running: Platform, service: str) -> dict[str, str]:
    return {
        "NODE_OPTIONS": "--require @atlas/instrumentation/register",
        "NODE_PATH": str(service_builds.node(service, NODE) / ".modules"),
        "OTEL_SERVICE_NAME": service,
        "METRICS_PORT": str(running.ports[f"{service}-metrics"]),
        "METRICS_HOST": "127.0.0.1",
    }


def _order_in_ops_ui(running: Platform, sink: Sink, kept: Sink) -> Traced:
    url, request_id = running.url("ops-ui"), f"req-{secrets.token_hex(4)}"
    headers = {"cookie": signed_in(url, "operator", running.password), "x-request-id": request_id}
    body = {"product": "BTC-USD", "side": "buy", "size": 0.001}
    answer = request(f"{url}/api/orders", "POST", body, headers | {"origin": "https://ops.example.com"})
    assert answer.status == 202, answer
    order_id = answer.json["orderId"]
    running.order_by_id(order_id, open_counts=False)

    def arrived() -> Span | None:
        """The worker's span of that order: the consumer at the end of a trace that began in ops-ui."""
        known = spans(sink)
        roots = {
            each.trace for each in known if each.service == "ops-ui" and each.kind == "server" and "orders" in each.name
        }
        found = [s for s in known if s.trace in roots and s.service == "workers" and s.kind == "consumer"]
        return next((span for span in found if line_of(span, known)[-1].service == "ops-ui"), None)

    def missed() -> str:
        told = sorted({f"{span.trace[:6]} {span.service} {span.kind} {span.name}" for span in spans(sink)})
        return "\n".join(["a trace from ops-ui to the workers, and not only these:", *told[:60]])

    consumer = wait_until(arrived, 40, missed)
    return Traced(running, sink, kept, url, request_id, order_id, consumer.trace, consumer)


def test_one_trace_goes_from_ops_ui_over_the_bus_to_the_worker_with_the_right_parents(traced: Traced) -> None:
    line = line_of(traced.consumer, spans(traced.sink))

    assert line[-1].parent == ""
    assert hops(line) == ["ops-ui server", "ops-ui client", "api server", "api producer", "workers consumer"]


def test_what_the_worker_does_for_the_order_is_in_the_same_trace(traced: Traced) -> None:
    def database_calls() -> list[Span]:
        known = spans(traced.sink)
        mine = [
            span for span in known if span.trace == traced.trace and span.service == "workers" and span.kind == "client"
        ]
        return [span for span in mine if any(each.id == traced.consumer.id for each in line_of(span, known))]

    calls = wait_until(database_calls, 20, "the worker's calls of the database")
    assert any("INSERT" in str({span.name, *span.attributes.values()}) for span in calls)


def test_every_span_of_the_order_is_marked_and_survives_a_sampling_of_nothing(traced: Traced) -> None:
    def whole() -> list[Span]:
        """All that is known, once what the worker tells of the order has come back to it."""
        known = [span for span in spans(traced.sink) if span.trace == traced.trace]
        return known if any(span.kind == "consumer" for span in _of_topic("order_update", known)) else []

    known = wait_until(whole, 20, "the order's whole way")
    assert {span.state for span in known} == {"atlas=important"}
    assert {span.service for span in known} == set(SERVICES)
    wait_until(lambda: {span.id for span in known} <= {span.id for span in spans(traced.kept)}, 20, "all to be kept")


def test_prices_and_exposures_are_not_marked_and_are_sampled(traced: Traced) -> None:
    def received() -> set[str]:
        """Traces of both that have been published and received."""
        known = spans(traced.sink)
        topics = [
            {span.trace for span in _of_topic(topic, known) if span.kind == "consumer"}
            for topic in ("price_update", "exposure_update")
        ]
        return topics[0] | topics[1] if min(map(len, topics)) > 4 else set()

    traces = wait_until(received, 40, "prices and exposures")
    mine = [span for span in spans(traced.sink) if span.trace in traces]
    assert {"producer", "consumer"} <= {span.kind for span in mine}
    assert {span.state for span in mine} == {""}
    # On a busy machine some are slow, and are kept for that.
    kept = {span.id for span in spans(traced.kept)}
    assert sum(span.id in kept for span in mine) < len(mine) / 2


def _of_topic(topic: str, known: list[Span]) -> list[Span]:
    messages = [span for span in known if span.kind in ("producer", "consumer")]
    return [span for span in messages if topic in str({span.name, *span.attributes.values()})]


@pytest.mark.parametrize("service", SERVICES)
def test_its_id_and_the_requests_are_in_the_logs_of_each(traced: Traced, service: str) -> None:
    lines = traced.platform.processes[service].lines()
    mine = [line for line in lines if line.get("trace_id") == traced.trace]

    assert mine, traced.platform.processes[service].text()[-2000:]
    ids = {line.get("request_id") or line.get("reqId") for line in mine}
    assert traced.request_id in ids
    assert {line.get("user_id") or line.get("userId") for line in mine} & {"operator"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_line_on_stdout_is_json(traced: Traced, service: str) -> None:
    process = traced.platform.processes[service]

    assert [line for line in process.text().splitlines() if not _is_json(line)] == []
    wanted = {"timestamp", "level", "message"}
    assert [line for line in process.lines() if not wanted <= set(line)] == []


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@pytest.mark.parametrize(("service", "route"), [("api", "/api/orders"), ("ops-ui", "/api/orders")])
def test_requests_are_counted_by_the_template_of_their_route(traced: Traced, service: str, route: str) -> None:
    counted = traced.platform.series(f"{service}-metrics", "http_requests_total")
    timed = traced.platform.series(f"{service}-metrics", "http_request_duration_seconds_count")

    for series in (counted, timed):
        mine = [labels for labels in series if f'route="{route}' in labels]
        assert any('method="POST"' in labels and 'status="202"' in labels for labels in mine), series
    assert traced.order_id not in str(counted)


def test_the_workers_series_stay_what_they_are(traced: Traced) -> None:
    for name, labels in (
        ("atlas_order_processing_seconds_count", '{outcome="filled"}'),
        ("atlas_events_consumed_total", '{topic="order_request"}'),
    ):
        # An outcome can be read before it is counted.
        wait_until(lambda name=name, labels=labels: traced.platform.value("workers", name, labels) >= 1, 10, name)


def test_the_services_stop_in_order_with_the_instrumentation_in_them(traced: Traced) -> None:
    codes = {name: process.stop() for name, process in traced.platform.processes.items()}

    assert codes == dict.fromkeys(SERVICES, 0)


MIB = 1 << 20
EXPORT_SECONDS = 10
"""After which a request for spans is given up: OpenTelemetry's own, in both languages."""


@contextlib.contextmanager
def hanging_gateway() -> Iterator[tuple[str, Counter[str]]]:
    """A gateway's address that takes requests for spans and answers none, and how many it has of each service."""
    asked, over = Counter[str](), threading.Event()

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            for group in request.resource_spans:
                asked.update(
                    pair.value.string_value for pair in group.resource.attributes if pair.key == "service.name"
                )
            over.wait()
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(50))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", asked
    finally:
        over.set()
        server.stop(None).wait()


def test_while_the_gateway_takes_spans_and_never_answers_no_order_waits_and_memory_stays(
    data: Data, tmp_path: Path
) -> None:
    limits = {"MAX_ORDERS_PER_MINUTE": "100000", "MAX_OPEN_ORDERS": "100000"}
    with (
        hanging_gateway() as (endpoint, asked),
        platform(data, "redis", tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **limits) as running,
    ):
        workers = running.workers(extra=PYTHON, OTEL_SERVICE_NAME="workers")
        running.ports["api-metrics"] = free_port()
        api = running.api(extra=NODE, **_preloaded(running, "api"))
        body = {"product": "BTC-USD", "side": "buy", "size": 0.001}
        begun, waited, memory = time.monotonic(), list[float](), list[int]()
        while (spent := time.monotonic() - begun) < 3 * EXPORT_SECONDS:
            at = time.monotonic()
            assert running.ask("/api/orders", "POST", body).status == 202
            waited.append(time.monotonic() - at)
            time.sleep(0.03)
            if not memory and spent > EXPORT_SECONDS:
                memory = [_resident(process.pid) for process in (workers, api)]
        grown = [_resident(process.pid) - before for process, before in zip((workers, api), memory, strict=True)]

        assert set(asked) == {"workers", "api"}
        assert running.order()["status"] == "filled"
        # Nobody has seen one of these hundreds of market orders as open, not even the exchange at its work.
        assert "order_open" not in {line["message"] for line in workers.lines()}
        assert max(waited) < EXPORT_SECONDS / 5
        assert max(grown) < 64 * MIB


def _resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
