"""Trace context over Redis pub/sub, which has no headers: a field of the message, where that is a JSON object.

``{"_trace": {"traceparent": "…", "tracestate": "…"}, …}``: whoever does not know of it sees one more field.
"""

import inspect
import json
from typing import Any

import wrapt
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from atlas_instrumentation.handling import Handling, tracer
from atlas_instrumentation.lines import loaded

FIELD = "_trace"
_handling = Handling("redis")


def instrument(_module: object) -> None:
    """For the client and for its asyncio twin."""
    wrapt.wrap_function_wrapper("redis.commands.core", "PubSubCommands.publish", _publish)
    for module in ("redis.client", "redis.asyncio.client"):
        wrapt.wrap_function_wrapper(module, "PubSub.handle_message", _handle)
        wrapt.wrap_function_wrapper(module, "PubSub.parse_response", _ask)


def enveloped(message: Any) -> Any:
    """The message with the current context in it, as what it was: text or bytes. Anything but a JSON object stays as it is."""
    fields = _object(message)
    if fields is None or FIELD in fields:
        return message
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    kept = {name: carrier[name] for name in ("traceparent", "tracestate") if carrier.get(name)}
    if not kept:
        return message
    return _as(message, {**fields, FIELD: kept})


def opened(message: Any) -> tuple[Any, dict[str, str]]:
    """The message as its publisher wrote it, and the context that came with it."""
    fields = _object(message)
    if fields is None or not isinstance(fields.get(FIELD), dict):
        return message, {}
    carrier = fields.pop(FIELD)
    return _as(message, fields), {str(key): str(value) for key, value in carrier.items()}


def _object(message: Any) -> dict[str, Any] | None:
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    return loaded(text.lstrip(" \t\r\n")) if isinstance(text, str) else None


def _as(like: Any, fields: dict[str, Any]) -> Any:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode() if isinstance(like, bytes) else text


def _publish(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("channel", "message"), args, strict=False)) | kwargs
    channel = _text(given.get("channel"))
    span = tracer.start_span(
        f"{channel} publish",
        kind=SpanKind.PRODUCER,
        attributes={
            "messaging.system": "redis",
            "messaging.destination.name": channel,
            "messaging.operation.type": "send",
        },
    )
    with trace.use_span(span, end_on_exit=False):
        given["message"] = enveloped(given.get("message"))
        try:
            answer = wrapped(**given)
        except BaseException:
            span.end()
            raise
    if not inspect.isawaitable(answer):
        span.end()
        return answer

    async def published() -> Any:
        with trace.use_span(span, end_on_exit=True):
            return await answer

    return published()


def _ask(wrapped: Any, subscription: Any, args: Any, kwargs: Any) -> Any:
    _handling.end(subscription)
    return wrapped(*args, **kwargs)


def _handle(wrapped: Any, subscription: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    response = args[0] if args else kwargs.get("response")
    if isinstance(response, (list, tuple)) and _text(response[0]) in ("message", "pmessage", "smessage"):
        data, carrier = opened(response[-1])
        changed = [*response[:-1], data]
        channel = _text(response[-2])
        if carrier:
            _handling.begin(subscription, f"{channel} process", channel, carrier)
        if args:
            args = (changed, *args[1:])
        else:
            kwargs = {**kwargs, "response": changed}
    return wrapped(*args, **kwargs)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
