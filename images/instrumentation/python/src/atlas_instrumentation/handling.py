"""The span of one message's handling, for subscribers that ask for messages in a loop: from one answer to the next question."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

tracer = trace.get_tracer("atlas_instrumentation")


class Handling:
    """What each subscription is handling. A span is current for the task that asked, until it asks again."""

    def __init__(self, system: str) -> None:
        """``system`` is the bus, in OpenTelemetry's words."""
        self._system = system
        self._now: WeakKeyDictionary[Any, tuple[Span, Context]] = WeakKeyDictionary()

    def begin(
        self, subscription: Any, name: str, destination: str, carrier: Mapping[str, str], more: Mapping[str, str] = {}
    ) -> None:
        """``carrier`` is the context that came with the message; ``more`` are attributes."""
        self.end(subscription)
        attributes = {
            "messaging.system": self._system,
            "messaging.destination.name": destination,
            "messaging.operation.type": "process",
            **more,
        }
        parent = propagate.extract(carrier)
        before = context.get_current()
        span = tracer.start_span(name, context=parent, kind=SpanKind.CONSUMER, attributes=attributes)
        context.attach(trace.set_span_in_context(span, before))
        self._now[subscription] = (span, before)

    def end(self, subscription: Any) -> None:
        found = self._now.pop(subscription, None)
        if found is None:
            return
        span, before = found
        span.end()
        # Not a token's reset: another task may be the one that asks again, and has a context of its own.
        if trace.get_current_span() is span:
            context.attach(before)
