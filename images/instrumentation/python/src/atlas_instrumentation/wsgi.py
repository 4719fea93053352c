"""Requests of WSGI applications, whatever they are written with, where gunicorn serves them."""

from collections.abc import Iterator
from typing import Any

import wrapt

from atlas_instrumentation.served import KEY, Served

SERVED_BY = frozenset({"gunicorn.workers.sync", "gunicorn.workers.gthread", "gunicorn.workers.base_async"})
"""The workers that call a WSGI application. All others (aiohttp's, uvicorn's) load something else by the same name."""


def configure() -> None:
    wrapt.register_post_import_hook(_on_gunicorn, "gunicorn.workers.base")
    wrapt.register_post_import_hook(_on_django, "django.core.handlers.base")


class Observed:
    """The outermost application."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        served = environ[KEY] = _begun(environ)

        def starting(status: str, headers: list[tuple[str, str]], *more: Any, **rest: Any) -> Any:
            named = {name.lower(): value for name, value in headers}
            # Flask forgets its request before the answer has been sent.
            served.route = _rule(environ) or served.route
            served.answered(int(status[:3]) if status[:3].isdecimal() else 500, named.get("content-type", ""))
            if "x-request-id" not in named:
                headers = [*headers, ("x-request-id", served.request_id)]
            return start_response(status, headers, *more, **rest)

        served.enter()
        try:
            answer = self._application(environ, starting)
        except BaseException as error:
            served.error, served.status = error, 500
            served.leave(left=False)
            raise
        if isinstance(answer, environ.get("wsgi.file_wrapper") or ()):
            return _left_to_server(answer, served)
        return _Answer(answer, served)


class _Answer:
    """What the host answers, to its end. A server that closes it before that has lost its client."""

    def __init__(self, answer: Any, served: Served) -> None:
        self._answer, self._served = answer, served
        self._parts: Iterator[Any] | None = None
        self._closed = False

    def __iter__(self) -> "_Answer":
        return self

    def __next__(self) -> Any:
        try:
            if self._parts is None:
                self._parts = iter(self._answer)
            return next(self._parts)
        except StopIteration:
            self._served.complete = True
            raise
        except BaseException as error:
            self._served.error, self._served.status, self._served.complete = error, 500, True
            raise

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
        finally:
            self._served.leave(left=not self._served.complete)


def _left_to_server(answer: Any, served: Served) -> Any:
    """A file that the server sends by itself stays what it is; that it is closed is all that we see of it."""
    close = getattr(answer, "close", None)

    def closing() -> None:
        try:
            if close is not None:
                close()
        finally:
            served.leave(left=False)

    answer.close = closing
    return answer


def _rule(environ: dict[str, Any]) -> str | None:
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return rule.rule if rule is not None else None


def _begun(environ: dict[str, Any]) -> Served:
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
    attributes: dict[str, Any] = {
        "url.scheme": environ.get("wsgi.url_scheme", "http"),
        "network.protocol.version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2],
        "server.address": environ.get("SERVER_NAME", ""),
        "client.address": environ.get("REMOTE_ADDR", ""),
    }
    if "user-agent" in headers:
        attributes["user_agent.original"] = headers["user-agent"]
    return Served(environ.get("REQUEST_METHOD", ""), path, headers, attributes)


def _on_gunicorn(module: Any) -> None:
    def load(wrapped: Any, worker: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        if any(kind.__module__ in SERVED_BY for kind in type(worker).__mro__):
            worker.wsgi = Observed(worker.wsgi)
        return result

    wrapt.wrap_function_wrapper(module, "Worker.load_wsgi", load)


def _on_django(module: Any) -> None:
    def resolve(wrapped: Any, _handler: Any, args: Any, kwargs: Any) -> Any:
        match = wrapped(*args, **kwargs)
        request = args[0] if args else kwargs["request"]
        served = (getattr(request, "environ", None) or getattr(request, "scope", None) or {}).get(KEY)
        if served is not None:
            served.route = "/" + match.route.lstrip("/")
        return match

    wrapt.wrap_function_wrapper(module, "BaseHandler.resolve_request", resolve)
