"""The span of a request that a service answers, by OpenTelemetry's stable names.

OpenTelemetry's own instrumentations of servers gather metrics, headers and older names as well: several times the work of the span.
"""

from collections.abc import Mapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.http import redact_query_parameters

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"})
_PORTS = {"http": 80, "https": 443}
_tracer = trace.get_tracer("atlas_instrumentation.http")


def begin(
    carrier: Any,
    getter: Getter[Any],
    *,
    method: str,
    scheme: str,
    host: str | None,
    path: str,
    query: str,
    version: str,
    user_agent: str | None,
) -> Span:
    """A span below the caller's. ``host`` is the header of that name, ``version`` HTTP's. The route is told at the end."""
    attributes: dict[str, Any] = {"http.request.method": method, "url.scheme": scheme, "url.path": _text(path)}
    if method not in METHODS:
        attributes |= {"http.request.method": "_OTHER", "http.request.method_original": method}
    if query:
        attributes["url.query"] = redact_query_parameters(f"?{query}")[1:]
    if host:
        attributes |= _address(_text(host), scheme)
    attributes["network.protocol.version"] = version
    if user_agent:
        attributes["user_agent.original"] = _text(user_agent)
    return _tracer.start_span(_name(method), propagate.extract(carrier, getter=getter), SpanKind.SERVER, attributes)


def end(span: Span, method: str, route: str | None, status: int, error: BaseException | None) -> None:
    """``route`` is the path's pattern, if it has one; ``error`` is the service's failure. A status of 5xx is one by itself."""
    attributes: dict[str, Any] = {"http.response.status_code": status}
    if route is not None:
        span.update_name(f"{_name(method)} {route}")
        attributes["http.route"] = route
    if error is not None or status >= 500:
        kind = str(status) if error is None else type(error).__qualname__
        attributes["error.type"] = kind
        span.set_status(Status(StatusCode.ERROR, kind))
        if error is not None:
            span.record_exception(error)
    span.set_attributes(attributes)
    span.end()


def _name(method: str) -> str:
    return method if method in METHODS else "HTTP"


def _text(given: str) -> str:
    """Servers keep bytes that are no UTF-8 as halves of characters, which no exporter can send."""
    return given if given.isascii() else given.encode("utf-8", "replace").decode()


def _address(host: str, scheme: str) -> Mapping[str, Any]:
    """What the caller calls the service. It is anybody's text, and need not be a name and a port."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, ""
    number = int(port) if len(port) < 6 and port.isascii() and port.isdecimal() else _PORTS.get(scheme)
    address = {"server.address": name.strip("[]")}
    return {**address, "server.port": number} if number else address
