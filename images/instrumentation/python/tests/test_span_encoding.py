"""Spans are sent as OpenTelemetry's own encoder writes them."""

from conftest import Receiver, Start, wait_until

PROGRAM = """
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from atlas_instrumentation import span_encoding

kept = InMemorySpanExporter()
for limits in (SpanLimits(), SpanLimits(max_span_attributes=1)):
    provider = TracerProvider(span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    for scope in ("one", "two"):
        tracer = provider.get_tracer(scope, "1", "https://schema")
        above = SpanContext(5, 7, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b"), ("c", "d")]))
        remote = trace.set_span_in_context(trace.NonRecordingSpan(above))
        for kind in SpanKind:
            tracer.start_span("kind", kind=kind, context=remote).end()
        with tracer.start_as_current_span("plain", attributes={"s": "é", "b": True, "i": 1, "f": 0.5, "n": -3}):
            tracer.start_span("child", attributes={"list": ["a", "b"], "bytes": b"x"}).end()
        span = tracer.start_span("rest", links=[Link(above, {"l": 1})], attributes={"wide": 2**62})
        span.add_event("event", {"e": 1})
        span.record_exception(ValueError("why"))
        span.set_status(Status(StatusCode.ERROR, "why"))
        span.end()
spans = kept.get_finished_spans()

def flat(request):
    return sorted(
        (span.span_id, *(each.SerializeToString() for each in (found.resource, scope.scope, span)), scope.schema_url)
        for found in request.resource_spans for scope in found.scope_spans for span in scope.spans
    )

print(len(spans), "spans", flat(span_encoding._encoded(spans)) == flat(encode_spans(spans)))
unsendable = provider.get_tracer("one").start_span("bad", attributes={"half": "\\ud83d"})
unsendable.end()
print(len(flat(span_encoding.encode(kept.get_finished_spans()))), "sent beside one that has half a character")
"""


def test_spans_are_encoded_as_by_opentelemetry(start: Start) -> None:
    host = start(PROGRAM)
    assert host.wait() == 0, host.errors
    assert host.saying(" spans ")[0]["message"] == "32 spans True"
    assert host.saying("sent beside")[0]["message"].startswith("33 ")


def test_the_exporter_uses_this_encoder(start: Start, receiver: Receiver) -> None:
    program = (
        "from atlas_instrumentation import span_encoding\nfrom opentelemetry import trace\n"
        "made, make = [], span_encoding._span\nspan_encoding._span = lambda span: made.append(span) or make(span)\n"
        "trace.get_tracer('t').start_span('sent').end()\ntrace.get_tracer_provider().force_flush()\nprint(len(made), 'made')\n"
    )
    host = start(program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    wait_until(lambda: receiver.named("sent"))
    assert host.wait() == 0
    assert host.saying("1 made")
