"""What came with a request from outside is its client's words: whether a trace is kept is decided anew at the platform's edge.

The trace's id stays, so that a client finds its trace here. Its baggage goes no further.
"""

from collections.abc import Sequence

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState, get_current_span
from opentelemetry.util.types import Attributes

FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "x-envoy-external-address")
"""One of these is on every request that came through an ingress controller or a gateway: no client can take it away.

Calls between services have none, unless one passes on what it was asked itself, to which the same rule then gives the same result.
"""
DECIDING = ("atlas", "ot")
"""The trace state's members that decide what is kept: the mark of what matters, and OpenTelemetry's own."""
_FROM_OUTSIDE = context.create_key("atlas: from outside")


class EdgePropagator(TextMapPropagator):
    """Extracts as the propagator within, and leaves of a request from outside the trace's id and the members of others."""

    def __init__(self, within: TextMapPropagator) -> None:
        self._within = within

    @property
    def fields(self) -> set[str]:
        return self._within.fields

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        self._within.inject(carrier, context, setter)

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        try:
            found = self._within.extract(carrier, context, getter)
        except Exception:  # a header of an AMQP message may be a number, which is no text to look into
            return context or Context()
        if all(getter.get(carrier, header) is None for header in FORWARDED):
            return found
        return _anew(found)


class EdgeSampler(Sampler):
    """For a span that a request from outside begins, the sampler within decides as for a root."""

    def __init__(self, within: Sampler) -> None:
        self._within = within

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        if not (parent.is_remote and context.get_value(_FROM_OUTSIDE, parent_context)):
            return self._within.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        result = self._within.should_sample(Context(), trace_id, name, kind, attributes, links, trace_state)
        return SamplingResult(result.decision, result.attributes, result.trace_state or parent.trace_state)

    def get_description(self) -> str:
        return f"EdgeSampler{{{self._within.get_description()}}}"


def _anew(found: Context) -> Context:
    found = context.set_value(_FROM_OUTSIDE, True, baggage.clear(found))
    client = get_current_span(found).get_span_context()
    if not (client.is_valid and client.is_remote):
        return found
    others = TraceState([(key, value) for key, value in client.trace_state.items() if key not in DECIDING])
    flags = TraceFlags(client.trace_flags | TraceFlags.SAMPLED)
    told = SpanContext(client.trace_id, client.span_id, is_remote=True, trace_flags=flags, trace_state=others)
    return trace.set_span_in_context(trace.NonRecordingSpan(told), found)
