"""Spans as OTLP, as OpenTelemetry's encoder writes them, which takes longer for a span than all else that is done for it.

What is seldom is left to that encoder, and everything where anything here fails.
"""

import time
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags
from opentelemetry.sdk.trace import ReadableSpan

AT_ONCE = 8
"""Spans. The service's threads get Python's lock in between, and do not wait 5 ms for it each time that they have given it away."""
_FIELDS = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
_LOCAL = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE = _LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


def encode(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    try:
        return _encoded(spans)
    except Exception:  # another version's spans, or a text that is none
        return encode_spans(spans)


def _encoded(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    groups: dict[tuple[int, int], list[ReadableSpan]] = {}
    for span in spans:
        groups.setdefault((id(span.resource), id(span.instrumentation_scope)), []).append(span)
    request = ExportTraceServiceRequest()
    for group in groups.values():
        (found,) = encode_spans(group[:1]).resource_spans
        (scope,) = found.scope_spans
        del scope.spans[:]
        for first in range(0, len(group), AT_ONCE):
            scope.spans.extend(map(_span, group[first : first + AT_ONCE]))
            time.sleep(0)
        request.resource_spans.append(found)
    return request


def _span(span: ReadableSpan) -> Span:
    context, parent, status = span.context, span.parent, span.status
    attributes: list[dict[str, Any]] = []
    for key, value in (span.attributes or {}).items():
        field = _FIELDS.get(type(value))
        if field is None:
            break
        attributes.append({"key": key, "value": {field: value}})
    if len(attributes) < len(span.attributes or ()) or span.events or span.links or span.dropped_attributes:
        return encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]
    return Span(
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        trace_state=context.trace_state.to_header(),
        parent_span_id=parent.span_id.to_bytes(8, "big") if parent else None,
        name=span.name,
        kind=span.kind.value + 1,  # OTLP's first kind is "unspecified"
        start_time_unix_nano=span.start_time,
        end_time_unix_nano=span.end_time,
        attributes=attributes,
        status={"code": status.status_code.value, "message": status.description},
        flags=_REMOTE if parent and parent.is_remote else _LOCAL,
    )
