"""Requests of ASGI applications, whatever they are written with, where uvicorn or gunicorn serves them."""

import asyncio
from typing import Any

import wrapt

from atlas_instrumentation.served import KEY, Served


def configure() -> None:
    wrapt.register_post_import_hook(_on_uvicorn, "uvicorn.config")
    wrapt.register_post_import_hook(_on_gunicorn, "gunicorn.workers.gasgi")
    wrapt.register_post_import_hook(_on_starlette, "starlette.routing")
    wrapt.register_post_import_hook(_on_fastapi, "fastapi.telemetry._asgi")


class Observed:
    """The outermost application: what the host's own are asked goes through it."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and KEY not in scope:
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and KEY not in scope:
            await self._websocket(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        served = scope[KEY] = _begun(scope, scope["method"])
        left = False

        def has_left() -> bool:
            # uvicorn's own word; a server without one is asked by nobody whether its client listens.
            return bool(getattr(getattr(send, "__self__", None), "disconnected", False))

        async def sending(message: Any) -> None:
            nonlocal left
            kind = message["type"]
            if kind == "http.response.start":
                headers = [(bytes(name).lower(), value) for name, value in message.get("headers") or ()]
                served.answered(message["status"], _header(headers, b"content-type"))
                if not any(name == b"x-request-id" for name, _ in headers):
                    added = (b"x-request-id", served.request_id.encode())
                    message = {**message, "headers": [*(message.get("headers") or ()), added]}
            elif not served.complete and not message.get("more_body", False) and kind != "http.response.debug":
                left = has_left()
                served.complete = True
            await send(message)

        served.enter()
        try:
            await self._application(scope, receive, sending)
        except asyncio.CancelledError:  # a server does so when its client leaves, or when it ends itself
            left = True
            raise
        except BaseException as error:
            served.error = error
            if not has_left():
                served.status = 500
            raise
        finally:
            served.route = _route(scope, served)
            # A server logs the error in the context that it called us in.
            served.leave(left=left or (not served.complete and has_left()), last=served.error is not None)

    async def _websocket(self, scope: Any, receive: Any, send: Any) -> None:
        served = scope[KEY] = _begun(scope, "GET")

        async def sending(message: Any) -> None:
            kind = message["type"]
            if not served.complete and kind in ("websocket.accept", "websocket.close", "websocket.http.response.start"):
                served.route = _route(scope, served)
                served.connected({"websocket.accept": 101, "websocket.close": 403}.get(kind) or message["status"])
            await send(message)

        served.enter()
        try:
            await self._application(scope, receive, sending)
        except BaseException as error:
            served.error = error
            raise
        finally:
            served.route = _route(scope, served)
            served.leave_connection(last=served.error is not None)


def _begun(scope: Any, method: str) -> Served:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    attributes: dict[str, Any] = {
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if scope.get("client"):
        attributes["client.address"] = scope["client"][0]
    if scope.get("server"):
        attributes["server.address"] = scope["server"][0]
    if "user-agent" in headers:
        attributes["user_agent.original"] = headers["user-agent"]
    return Served(method, scope["path"], headers, attributes)


def _header(headers: list[tuple[bytes, bytes]], wanted: bytes) -> str:
    return next((bytes(value).decode("latin-1") for name, value in headers if name == wanted), "")


def _route(scope: Any, served: Served) -> str | None:
    """The pattern of the path: FastAPI's, with the prefixes of the routers around it, or Starlette's."""
    fastapi = scope.get("fastapi")
    effective = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    route = scope.get("route")
    for found in (effective, route):
        path = getattr(found, "path_format", None) or getattr(found, "path", None)
        if isinstance(path, str):
            return served.mounts if _is_mount(found) and served.mounts else served.mounts + path
    return served.route or served.mounts or None


def _is_mount(route: Any) -> bool:
    return any(kind.__name__ in ("Mount", "Host") for kind in type(route).__mro__)


def _on_uvicorn(module: Any) -> None:
    def load(wrapped: Any, config: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        if not isinstance(config.loaded_app, Observed):
            config.loaded_app = Observed(config.loaded_app)
        return result

    wrapt.wrap_function_wrapper(module, "Config.load", load)


def _on_gunicorn(module: Any) -> None:
    def load(wrapped: Any, worker: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        worker.asgi = Observed(worker.asgi)
        return result

    wrapt.wrap_function_wrapper(module, "ASGIWorker.load_wsgi", load)


def _on_starlette(module: Any) -> None:
    async def mount(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if served := args[0].get(KEY):
            served.mounts += instance.path
        return await wrapped(*args, **kwargs)

    async def route(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if served := args[0].get(KEY):
            served.route = served.mounts + instance.path
        return await wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(module, "Mount.handle", mount)
    wrapt.wrap_function_wrapper(module, "Route.handle", route)
    wrapt.wrap_function_wrapper(module, "WebSocketRoute.handle", route)


def _on_fastapi(module: Any) -> None:
    """Newer ones make a span of each request, and several of its parts, wherever there is a provider, as ours is."""

    def made(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        config = args[0] if args else kwargs["config"]
        if config.get("tracer_provider") is None:
            config["tracing"] = False
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(module, "NativeTelemetry.__init__", made)
