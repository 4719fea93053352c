"""Requests that aiohttp answers: a span each, an id on their lines and in their answers, and what every service counts.

This takes part where aiohttp handles a request as a whole, and is no middleware: an answer is complete when it has been
written, and whether a client has left before is known by its connection alone. A request has a task, and so a context, of its own.
"""

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import wrapt
from opentelemetry import context, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.util.http import get_excluded_urls

from atlas_instrumentation import http_span
from atlas_instrumentation.http_requests import (
    CLIENT_LEFT,
    EVENT_STREAM,
    FAILED,
    SWITCHED,
    Requests,
    request_id,
    requests,
)
from atlas_instrumentation.logs import Once

HEADER = "x-request-id"
logger = logging.getLogger(__name__)
logger.addFilter(Once())


def instrument() -> None:
    """Once a host imports aiohttp's server."""
    wrapt.register_post_import_hook(_on_import, "aiohttp.web_protocol")
    wrapt.register_post_import_hook(_replace, "opentelemetry.instrumentation.aiohttp_server")


def _on_import(module: Any) -> None:
    try:
        _take_part(module)
    except Exception as error:  # a version that has none of this, or anything else
        logger.warning("aiohttp's requests are neither traced nor counted: %s: %s", type(error).__name__, error)


class _Headers(Getter[Any]):
    def get(self, carrier: Any, key: str) -> list[str] | None:
        return carrier.getall(key, None)

    def keys(self, carrier: Any) -> list[str]:
        return list(carrier)


_headers = _Headers()


class _Served:
    """One request, from its headers to the end of its answer."""

    def __init__(self, request: Any, *, traced: bool) -> None:
        headers, version = request.headers, request.version
        self._request = request
        self._begun = time.perf_counter()
        self._error: BaseException | None = None
        self._response: Any = None
        self._left = False
        self._id = request_id(headers.get(HEADER))
        self._span = trace.INVALID_SPAN
        if traced:
            self._span = http_span.begin(
                headers,
                _headers,
                method=request.method,
                scheme=request.scheme,
                host=headers.get("host"),
                path=request.path,
                query=request.rel_url.raw_query_string,
                version=f"{version.major}.{version.minor}",
                user_agent=headers.get("user-agent"),
            )
        structlog.contextvars.bind_contextvars(request_id=self._id)
        context.attach(trace.set_span_in_context(self._span))

    async def answer(self, handler: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        """As ``handler``. Outside of it what it raises becomes an answer."""
        try:
            return await handler(request)
        except BaseException as error:
            self._error = error
            raise

    def begin_answer(self, response: Any) -> None:
        """Before its headers are written."""
        self._response = response
        response.headers.setdefault(HEADER, self._id)

    def connection_lost(self) -> None:
        """By the client, which may go when it has all of its answer."""
        self._left = not _is_complete(self._response)

    def end(self, requests: Requests, answer: Any, complete: bool, lost: bool, raised: BaseException | None) -> None:
        """``answer`` is what was given, if anything was. ``lost``: its connection is gone, and not by the service."""
        response = self._response if answer is None else answer
        status = response.status if response is not None else FAILED
        streamed = response is not None and response.content_type == EVENT_STREAM
        complete = complete or _is_complete(response)
        error, self._error = self._error or raised, None
        left = self._left or (lost and not complete)
        if streamed or status == SWITCHED:
            # Whoever listens leaves at some time, or the service ends.
            if left or isinstance(error, asyncio.CancelledError):
                error = None
            elif error is not None and streamed:
                status = FAILED
        elif left:
            status, error = CLIENT_LEFT, None
        elif not complete:
            status = FAILED
        elif status < FAILED:
            error = None
        method, route = self._request.method, _route(self._request)
        seconds = None if streamed else time.perf_counter() - self._begun
        requests.answered(method, route or "unmatched", status, seconds)
        http_span.end(self._span, method, route, status, error)


def _is_complete(response: Any) -> bool:
    return getattr(response, "_eof_sent", False)


def _route(request: Any) -> str | None:
    """The pattern of the path, never the path itself, of which there may be any number."""
    # What no application has taken has no match, and a router of the host's own need not have routes.
    route = getattr(getattr(request, "_match_info", None), "route", None)
    resource = getattr(route, "resource", None)
    return resource.canonical if resource is not None else None


def _take_part(module: Any) -> None:
    from aiohttp.web_request import BaseRequest, Request

    protocol = module.RequestHandler
    handle, lose, malformed = protocol._handle_request, protocol.connection_lost, module.ERROR
    if list(inspect.signature(handle).parameters) != ["self", "request", "start_time", "request_handler"]:
        raise TypeError("its requests are handled in an unknown way")
    excluded = get_excluded_urls("AIOHTTP_SERVER")
    at_work: dict[Any, _Served] = {}

    def begin(server: Any, request: Any) -> _Served | None:
        if request._message is malformed:  # what is no HTTP is no request
            return None
        try:
            served = at_work[server] = _Served(request, traced=not excluded.url_disabled(request.path))
        except Exception as error:
            logger.warning("a request is neither traced nor counted: %s: %s", type(error).__name__, error)
            return None
        return served

    def end(server: Any, served: _Served, answer: Any, reset: bool, raised: BaseException | None) -> None:
        at_work.pop(server, None)
        closed = server.transport is None or server.transport.is_closing()
        try:
            served.end(requests(), answer, not (reset or raised), not server._force_close and (reset or closed), raised)
        except Exception as error:
            logger.warning("a request is not counted: %s: %s", type(error).__name__, error)

    @functools.wraps(handle)
    async def handle_request(self: Any, request: Any, start_time: Any, request_handler: Any) -> Any:
        served = begin(self, request)
        if served is None:
            return await handle(self, request, start_time, request_handler)
        try:
            result = await handle(self, request, start_time, functools.partial(served.answer, request_handler))
        except BaseException as error:
            end(self, served, None, False, error)
            raise
        answer, reset = result
        end(self, served, answer, reset, None)
        return result

    @functools.wraps(lose)
    def connection_lost(self: Any, exc: BaseException | None) -> None:
        served = at_work.get(self)
        if served is not None and not self._force_close:
            served.connection_lost()
        lose(self, exc)

    def preparing(prepare: Callable[[Any, Any], Awaitable[None]]) -> Callable[[Any, Any], Awaitable[None]]:
        @functools.wraps(prepare)
        async def prepare_hook(self: Any, response: Any) -> None:
            await prepare(self, response)
            served = at_work.get(self.protocol)
            if served is None:
                return
            try:
                served.begin_answer(response)
            except Exception as error:  # headers of the host's own making
                logger.warning("an answer has no %s: %s: %s", HEADER, type(error).__name__, error)

        return prepare_hook

    for kind in (BaseRequest, Request):
        kind._prepare_hook = preparing(kind._prepare_hook)  # type: ignore[method-assign]
    protocol._handle_request, protocol.connection_lost = handle_request, connection_lost


def _replace(module: Any) -> None:
    """A host that asks for OpenTelemetry's own has a span for each request already."""

    @module.web.middleware
    async def passing(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        return await handler(request)

    def nothing(*_: Any, **__: Any) -> None:
        """Neither adds nor takes away anything."""

    module.AioHttpServerInstrumentor._instrument = module.AioHttpServerInstrumentor._uninstrument = nothing
    module.middleware = passing
    module.create_aiohttp_middleware = lambda *_, **__: passing
