"""prometheus_client's own registry at ``/metrics`` on a port of its own, and what every HTTP service counts."""

import random
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
import wrapt
from prometheus_client import REGISTRY, Counter, Histogram, make_wsgi_app

from atlas_instrumentation.lines import Lines, exemplar
from atlas_instrumentation.settings import Settings

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds; 0.2 is the guide's limit for the 95th percentile."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
LABELS = ["method", "route", "status"]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SEEN = "atlas_instrumentation.seen"


class _Threaded(ThreadingMixIn, WSGIServer):
    """A slow reader holds up nobody."""

    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""


class Server:
    """Serves the registry until the host wants the port for itself."""

    def __init__(self, port: int, lines: Lines) -> None:
        self._port = port
        self._lines = lines
        try:
            self._http = make_server("", port, make_wsgi_app(), _Threaded, _Silent)
        except OSError as error:
            lines.write("warning", __name__, f"no metrics are served at port {port}: {error.strerror}")
            return
        threading.Thread(target=self._http.serve_forever, name="metrics", daemon=True).start()
        bind = socket.socket.bind

        def giving_way(sock: socket.socket, address: Any) -> None:
            if (
                isinstance(address, tuple)
                and len(address) > 1
                and address[1] == port
                and sock.type == socket.SOCK_STREAM
            ):
                socket.socket.bind = bind  # type: ignore[method-assign]
                self._give_way()
            bind(sock, address)

        socket.socket.bind = giving_way  # type: ignore[method-assign]

    def _give_way(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._lines.write(
            "info", __name__, f"the service serves port {self._port} itself, so metrics are its own to serve"
        )


def configure(settings: Settings, lines: Lines, *, serve: bool) -> None:
    wrapt.register_post_import_hook(_instrument_aiohttp, "aiohttp.web")
    wrapt.wrap_function_wrapper("prometheus_client", "Histogram.observe", _observed_in_trace)
    if serve and settings.metrics_port is not None:
        Server(settings.metrics_port, lines)


def _observed_in_trace(observe: Any, _histogram: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What a histogram of ours or of the host's observes leads to the trace that it was observed in."""
    if len(args) < 2 and "exemplar" not in kwargs and (found := exemplar()):
        kwargs["exemplar"] = found
    observe(*args, **kwargs)


class _Requests:
    """The two metrics, made at the first request; those of a host that counts by itself are left alone."""

    def __init__(self) -> None:
        taken = {"http_requests_total", "http_request_duration_seconds"} & REGISTRY._names_to_collectors.keys()
        self._counter = self._histogram = None
        if not taken:
            self._counter = Counter("http_requests_total", "Requests, by how they were answered.", LABELS)
            self._histogram = Histogram(
                "http_request_duration_seconds", "Until the answer was complete.", LABELS, buckets=BUCKETS
            )

    def answered(self, labels: tuple[str, str, str], seconds: float, *, streamed: bool) -> None:
        """The duration of an event stream is how long somebody listened, and no latency."""
        if self._counter is None or self._histogram is None:
            return
        self._counter.labels(*labels).inc()
        if not streamed:
            self._histogram.labels(*labels).observe(seconds)


def _instrument_aiohttp(_module: object) -> None:
    from aiohttp import web

    requests: list[_Requests] = []

    @web.middleware
    async def observed(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        if request.get(SEEN):  # by the application around this one
            return await handler(request)
        request[SEEN] = True
        if not requests:
            requests.append(_Requests())
        begun, status, streamed = time.perf_counter(), 500, False
        given = request.headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = await handler(request)
                status, streamed = response.status, response.content_type == "text/event-stream"
                if not response.prepared:
                    response.headers["x-request-id"] = request_id
                return response
            except web.HTTPException as answer:
                status = answer.status
                answer.headers["x-request-id"] = request_id
                raise
            finally:
                method = request.method if request.method in METHODS else "other"
                requests[0].answered(
                    (method, _route(request), str(status)), time.perf_counter() - begun, streamed=streamed
                )

    def made(wrapped: Any, _application: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Inside the span of the request, whose middleware is OpenTelemetry's, and outside of all that is the host's.
        theirs = list(kwargs.get("middlewares") or ())
        outer = [each for each in theirs if each.__module__.startswith("opentelemetry.")]
        kwargs["middlewares"] = (*outer, observed, *(each for each in theirs if each not in outer))
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper("aiohttp.web_app", "Application.__init__", made)


def _route(request: Any) -> str:
    """The pattern of the path, never the path itself, of which there may be any number."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
