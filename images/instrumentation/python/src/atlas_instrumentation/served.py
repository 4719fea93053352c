"""One request that a server of WSGI or ASGI has: its span, its id, and how it is counted."""

import time
from collections.abc import Mapping
from typing import Any

import structlog
import wrapt
from opentelemetry import context, propagate, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from atlas_instrumentation.http_requests import CLIENT_LEFT, EVENT_STREAM, METHODS, request_id, requests

KEY = "atlas_instrumentation.served"
"""Where the request is in WSGI's ``environ`` or ASGI's ``scope``."""
_tracer = trace.get_tracer("atlas_instrumentation")
_traced_by_host: set[str] = set()


class Served:
    """``headers`` have lower-case names. The host's own work is done between ``enter`` and ``leave``."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], attributes: Mapping[str, Any]) -> None:
        self.method = method if method in METHODS else "other"
        self.status, self.streamed, self.complete = 500, False, False
        self.mounts = ""
        self.route: str | None = None
        self.error: BaseException | None = None
        self._begun = time.perf_counter()
        self.request_id = request_id(headers.get("x-request-id"))
        self._span: Span = INVALID_SPAN
        self._before = context.get_current()
        if not _traced_by_host:
            self._span = _tracer.start_span(
                self.method,
                context=propagate.extract(headers),
                kind=SpanKind.SERVER,
                attributes={"http.request.method": method, "url.path": path, **attributes},
            )

    def enter(self) -> None:
        if self._span is not INVALID_SPAN:
            context.attach(trace.set_span_in_context(self._span, self._before))
        self._bound = structlog.contextvars.bind_contextvars(request_id=self.request_id)

    def leave(self, *, left: bool, last: bool = False) -> None:
        """Once. ``left``: the client had gone before its answer was complete; of an event stream that is the usual end.

        ``last``: what else is done in this context belongs to this request as well.
        """
        status = CLIENT_LEFT if left and not self.streamed else self.status
        self._end_span(status)
        self._count(status, timed=not (self.streamed or left))
        self._detach(last)

    def leave_connection(self, *, last: bool) -> None:
        """A websocket: counted when it was answered, and never timed."""
        self._end_span(self.status)
        if not self.complete:
            self._count(self.status, timed=False)
        self._detach(last)

    def connected(self, status: int) -> None:
        self.status, self.complete = status, True
        self._count(status, timed=False)

    def answered(self, status: int, content_type: str) -> None:
        self.status = status
        self.streamed = content_type.partition(";")[0].strip().lower() == EVENT_STREAM

    def _detach(self, last: bool) -> None:
        if last:
            return
        structlog.contextvars.reset_contextvars(**self._bound)
        if self._span is not INVALID_SPAN:
            context.attach(self._before)

    def _count(self, status: int, *, timed: bool) -> None:
        seconds = time.perf_counter() - self._begun if timed else None
        requests().answered(self.method, self.route or "unmatched", status, seconds)

    def _end_span(self, status: int) -> None:
        span = self._span
        if not span.is_recording():
            return
        if self.route:
            span.update_name(f"{self.method} {self.route}")
            span.set_attribute("http.route", self.route)
        span.set_attribute("http.response.status_code", status)
        if self.error is not None and status != CLIENT_LEFT:
            span.record_exception(self.error)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()


def leave_to_host() -> None:
    """A host that traces its requests by OpenTelemetry's own middleware has its spans and no second one."""
    for module, name in (
        ("opentelemetry.instrumentation.asgi", "OpenTelemetryMiddleware.__init__"),
        ("opentelemetry.instrumentation.wsgi", "OpenTelemetryMiddleware.__init__"),
        ("opentelemetry.instrumentation.flask", "FlaskInstrumentor.instrument_app"),
        ("opentelemetry.instrumentation.flask", "FlaskInstrumentor._instrument"),
        ("opentelemetry.instrumentation.django", "DjangoInstrumentor._instrument"),
    ):
        wrapt.register_post_import_hook(_note(name), module)


def _note(name: str) -> Any:
    def noted(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        _traced_by_host.add(name)
        return wrapped(*args, **kwargs)

    return lambda module: wrapt.wrap_function_wrapper(module, name, noted)
