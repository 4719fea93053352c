"""Spans as the real Collector hands them on: who called whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.collector_process import Sink, attributes


@dataclass(frozen=True)
class Span:
    """``kind`` is OTLP's word in lower case: server, client, producer, consumer, internal; ``state`` the W3C trace state."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    state: str
    attributes: dict[str, Any]


_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def spans(sink: Sink) -> list[Span]:
    """Every span that was taken."""
    return [
        Span(
            service=attributes(group["resource"])["service.name"],
            name=span["name"],
            kind=_KINDS[span.get("kind", 0)],
            trace=span["traceId"],
            id=span["spanId"],
            parent=span.get("parentSpanId", ""),
            state=span.get("traceState", ""),
            attributes=attributes(span),
        )
        for request in list(sink.taken["traces"])
        for group in request["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def line_of(span: Span, known: list[Span]) -> list[Span]:
    """``span``, its parent, and so on up to the root, or to the last one that is known."""
    by_id = {each.id: each for each in known}
    return list(_upwards(span, by_id))


def _upwards(span: Span | None, by_id: dict[str, Span]) -> Iterator[Span]:
    while span:
        yield span
        span = by_id.get(span.parent)


def hops(line: list[Span]) -> list[str]:
    """The spans at which the trace enters or leaves a service: ``service kind``, root first."""
    return [f"{span.service} {span.kind}" for span in reversed(line) if span.kind != "internal"]
