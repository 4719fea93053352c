"""Trace context over Redis pub/sub, which has no headers: in the message, as ``envelope`` says."""

import contextlib
import importlib
import inspect
import logging
from typing import Any

import wrapt
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

from atlas_instrumentation.envelope import enclose, opened
from atlas_instrumentation.handling import Handling, tracer
from atlas_instrumentation.logs import Once

PUBLISH = frozenset({"PUBLISH", "SPUBLISH"})
MESSAGES = frozenset({"message", "pmessage", "smessage"})
_handling = Handling("redis")
logger = logging.getLogger(__name__)
logger.addFilter(Once())


def instrument(_module: object) -> None:
    """For the client, its asyncio twin, and for what both make: pipelines and clusters. Each way to publish is a command."""
    for module in ("redis.client", "redis.asyncio.client", "redis.cluster", "redis.asyncio.cluster"):
        try:
            there = vars(importlib.import_module(module))
        except ImportError:  # an old version without it
            continue
        for kind in ("Redis", "Pipeline", "RedisCluster", "ClusterPipeline"):
            if "execute_command" in vars(there.get(kind, object)):
                wrapt.wrap_function_wrapper(module, f"{kind}.execute_command", _execute)
        if there.get("PubSub") is None or there["PubSub"].__module__ != module:
            continue
        wrapt.wrap_function_wrapper(module, "PubSub.handle_message", _handle)
        wrapt.wrap_function_wrapper(module, "PubSub.parse_response", _ask)
        wrapt.wrap_function_wrapper(module, "PubSub.listen", _listen)
        for name in ("reset", "close", "aclose"):
            if name in vars(there["PubSub"]):
                wrapt.wrap_function_wrapper(module, f"PubSub.{name}", _ask)


def _execute(wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) != 3 or not isinstance(args[0], (str, bytes)) or _text(args[0]).upper() not in PUBLISH:
        return wrapped(*args, **kwargs)
    if inspect.iscoroutinefunction(wrapped):
        return _execute_async(wrapped, args, kwargs)
    span, args = _published(args)
    # A pipeline answers itself, or what is to be awaited: either way the message is handed over.
    with _current(span):
        return wrapped(*args, **kwargs)


async def _execute_async(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    span, args = _published(args)
    with _current(span):
        return await wrapped(*args, **kwargs)


def _current(span: Span | None) -> contextlib.AbstractContextManager[Any]:
    return trace.use_span(span, end_on_exit=True) if span else contextlib.nullcontext()


def _published(args: tuple[Any, ...]) -> tuple[Span | None, tuple[Any, ...]]:
    """A span and the command with its trace; no span where the message has a trace already, from the host or an outer command."""
    command, channel, message = args
    try:
        if opened(message)[1]:
            return None, args
        span = tracer.start_span(
            f"{_text(channel)} publish",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "redis",
                "messaging.destination.name": _text(channel),
                "messaging.operation.type": "send",
            },
        )
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span))
        return span, (command, channel, enclose(message, carrier))
    except Exception as error:  # whatever it is, the message goes as it was
        _complain(error)
        return None, args


def _listen(wrapped: Any, subscription: Any, args: Any, kwargs: Any) -> Any:
    messages = wrapped(*args, **kwargs)
    _handling.watch(messages, subscription)
    return messages


def _ask(wrapped: Any, subscription: Any, args: Any, kwargs: Any) -> Any:
    _handling.end(subscription)
    return wrapped(*args, **kwargs)


def _handle(wrapped: Any, subscription: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(wrapped):
        return _handle_async(wrapped, subscription, args, kwargs)
    args, kwargs = _received(subscription, args, kwargs)
    try:
        answer = wrapped(*args, **kwargs)
    except BaseException as error:
        _handling.end(subscription, error)
        raise
    if answer is None:  # a function of the host's has handled it
        _handling.end(subscription)
    return answer


async def _handle_async(wrapped: Any, subscription: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    args, kwargs = _received(subscription, args, kwargs)
    try:
        answer = await wrapped(*args, **kwargs)
    except BaseException as error:
        _handling.end(subscription, error)
        raise
    if answer is None:
        _handling.end(subscription)
    return answer


def _received(
    subscription: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments without the trace of a message, which is from now on being handled."""
    try:
        response = args[0] if args else kwargs["response"]
        if not isinstance(response, (list, tuple)) or len(response) < 3 or _text(response[0]) not in MESSAGES:
            return args, kwargs
        message, carrier = opened(response[-1])
        parent = propagate.extract(carrier)
        if not carrier or not trace.get_current_span(parent).get_span_context().is_valid:
            return args, kwargs
        channel = _text(response[-2])
        _handling.begin(subscription, f"{channel} process", channel, parent)
        changed = [*response[:-1], message]
        return ((changed, *args[1:]), kwargs) if args else (args, {**kwargs, "response": changed})
    except Exception as error:
        _complain(error)
        return args, kwargs


def _complain(error: Exception) -> None:
    logger.warning("a message goes without its trace: %s: %s", type(error).__name__, error)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return bytes(value).decode("utf-8", "replace") if isinstance(value, (bytes, memoryview)) else str(value)
