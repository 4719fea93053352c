"""Requests as a trading service sends them: a hundred log records, spans or data points of ordinary size."""

import json
import time
import uuid

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.faults.counting import KEY, WORD
from tests.support.agent_process import now

BATCH = 100
SOURCE = "bench"
RESOURCE = {
    "service.name": "api",
    "service.namespace": "trading",
    "service.version": "1.4.2",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "2.1.0",
}
REQUEST = {
    "http.request.method": "POST",
    "http.route": "/api/orders",
    "url.scheme": "http",
    "server.address": "api",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "network.protocol.version": "1.1",
}


def _of(number: int) -> dict[str, str]:
    """What a record says of its request: what differs from one to the next, and what does not."""
    return REQUEST | {
        "order_id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        "request_id": f"{number * 7919 % 2**32:08x}",
        "user_id": f"u-{20817 + number * 31 % 97}",
        "price": f"{64123.5 + number / 4}",
    }


def _describe(item: object, values: dict[str, str]) -> None:
    for key, value in values.items():
        item.attributes.add(key=key).value.string_value = value  # type: ignore[attr-defined]


def logs() -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    _describe(group.resource, RESOURCE)
    records = group.scope_logs.add().log_records
    for number in range(BATCH):
        record = records.add(time_unix_nano=time.time_ns(), severity_text="INFO", severity_number=9)
        record.body.string_value = (
            f"{WORD} {SOURCE} {number} order of BTC-USD accepted at 64123.50, size 0.25, in 12 ms"
        )
        _describe(record, _of(number))
    return request.SerializeToString()


def traces() -> bytes:
    """All spans are kept by the sampling, so that the gateway sends as many as it receives."""
    request, at = ExportTraceServiceRequest(), time.time_ns()
    group = request.resource_spans.add()
    _describe(group.resource, RESOURCE)
    spans = group.scope_spans.add().spans
    for number in range(BATCH):
        span = spans.add(name="POST /api/orders", kind=2, start_time_unix_nano=at, end_time_unix_nano=at + 12_000_000)
        span.trace_id, span.span_id = (number + 1).to_bytes(16, "big"), (number + 1).to_bytes(8, "big")
        _describe(span, _of(number) | {KEY: f"{WORD} {SOURCE} {number} "})
        span.attributes.add(key="http.response.status_code").value.int_value = 201
        span.attributes.add(key="sampling.important").value.bool_value = True
    return request.SerializeToString()


def metrics() -> bytes:
    request, at = ExportMetricsServiceRequest(), time.time_ns()
    group = request.resource_metrics.add()
    _describe(group.resource, RESOURCE)
    gauge = group.scope_metrics.add().metrics.add(name="orders.open").gauge
    for number in range(BATCH):
        point = gauge.data_points.add(time_unix_nano=at, as_double=number)
        _describe(point, {KEY: f"{WORD} {SOURCE} {number} ", "product": "BTC-USD", "side": "buy"})
    return request.SerializeToString()


REQUESTS = {"logs": logs, "traces": traces, "metrics": metrics}


def lines(first: int, number: int) -> str:
    """Lines of a container's log, in JSON as pino writes it."""

    def line(position: int) -> str:
        record = {"level": 30, "route": "/api/orders", "durationMs": position % 60}
        record |= {"reqId": f"{position * 7919 % 2**32:08x}", "userId": f"u-{20817 + position * 31 % 97}"}
        return json.dumps(record | {"msg": f"{WORD} {SOURCE} {position} order of BTC-USD accepted"})

    return "".join(f"{now()} stdout F {line(position)}\n" for position in range(first, first + number))
