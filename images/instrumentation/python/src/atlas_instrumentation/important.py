"""Traces that matter are marked in their W3C trace state, where they begin or come into this process.

All later spans inherit it, over HTTP and both buses, and the gateway keeps what carries it, whatever share of traces it samples.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

KEY, VALUE = "atlas", "important"
"""As config/collector/gateway.yaml has them, in sanitize: keep."""
MOST_MEMBERS, MOST_CHARACTERS = 32, 512
"""Of a trace state: a longer one is dropped as a whole by those who read it."""
READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DESTINATIONS = (
    "messaging.destination.name",
    "messaging.destination",
    "messaging.rabbitmq.destination.routing_key",
    "messaging.rabbitmq.routing_key",
)
"""Where a message goes, in the words of each instrumentation. Queues are not among them: one may hear everything."""
_MARKED = TraceState([(KEY, VALUE)])


class ImportantTraces(Sampler):
    """Marks, and leaves what is recorded to the sampler within."""

    def __init__(self, within: Sampler, words: Sequence[str], names: Collection[str]) -> None:
        """What matters has one of ``words``, in lower case, in its path, topic or name, or has one of ``names``."""
        self._within, self._words, self._names = within, words, names

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
        result = self._within.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        parent = get_current_span(parent_context).get_span_context()
        # Most spans: they have what their parent has.
        if parent.is_valid and not parent.is_remote:
            return result
        if not self._matters(name, kind, attributes or {}):
            return result
        return SamplingResult(result.decision, result.attributes, marked(result.trace_state))

    def get_description(self) -> str:
        return f"ImportantTraces{{{self._within.get_description()}}}"

    def _matters(self, name: str, kind: SpanKind | None, attributes: Mapping[str, Any]) -> bool:
        method = attributes.get("http.request.method") or attributes.get("http.method")
        if method:
            return method not in READS and self._found(_path(attributes))
        destinations = [attributes[each] for each in DESTINATIONS if attributes.get(each)]
        if destinations:
            return any(self._found(each) for each in destinations)
        # A call without a request's attributes is a database's or a cache's, whose name may be that of a table.
        return kind is not SpanKind.CLIENT and (name in self._names or self._found(name))

    def _found(self, text: object) -> bool:
        lower = str(text).lower()
        return any(word in lower for word in self._words)


def marked(state: TraceState | None) -> TraceState:
    """``state`` with the mark as its newest member, and of the others as many as there is room for."""
    if not state:
        return _MARKED
    if state.get(KEY) == VALUE:
        return state
    members, characters = [(KEY, VALUE)], len(f"{KEY}={VALUE}")
    for key, value in state.items():
        characters += len(f",{key}={value}") if key != KEY else 0
        if key != KEY and len(members) < MOST_MEMBERS and characters <= MOST_CHARACTERS:
            members.append((key, value))
    return TraceState(members)


def _path(attributes: Mapping[str, Any]) -> str:
    """The path of a request, without its query, which is anybody's text."""
    path = attributes.get("url.path") or attributes.get("http.target")
    if path:
        return str(path).partition("?")[0]
    try:
        return urlsplit(str(attributes.get("url.full") or attributes.get("http.url") or "")).path
    except ValueError:  # no URL
        return ""
