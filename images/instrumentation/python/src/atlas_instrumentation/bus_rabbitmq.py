"""Handling spans for aio-pika's iterators, and topics. Callbacks and the headers of what is published are OpenTelemetry's own."""

import logging
from typing import Any

import wrapt
from opentelemetry import propagate

from atlas_instrumentation.handling import Handling
from atlas_instrumentation.logs import Once

ROUTING_KEY = "messaging.rabbitmq.destination.routing_key"
_handling = Handling("rabbitmq")
logger = logging.getLogger(__name__)
logger.addFilter(Once())


def instrument(_module: object) -> None:
    from aio_pika.queue import QueueIterator
    from aio_pika.robust_queue import RobustQueueIterator

    kinds = [kind for kind in (QueueIterator, RobustQueueIterator) if "__anext__" in vars(kind)]
    for kind in kinds:
        wrapt.wrap_function_wrapper(kind.__module__, f"{kind.__name__}.__anext__", _next_of(kind, kinds))
    for asked in ("Queue", "QueueIterator"):
        wrapt.wrap_function_wrapper("aio_pika.queue", f"{asked}.__aiter__", _loop)
    wrapt.wrap_function_wrapper("aio_pika.queue", "QueueIterator.close", _close)


class _Loop(wrapt.ObjectProxy):
    """An iterator for one loop, which alone holds it. The connection holds the iterator itself for as long as it consumes."""

    def __aiter__(self) -> "_Loop":
        return self

    def __anext__(self) -> Any:
        return self.__wrapped__.__anext__()


def _loop(wrapped: Any, _asked: Any, args: Any, kwargs: Any) -> Any:
    iterator = wrapped(*args, **kwargs)
    loop = _Loop(iterator)
    _handling.watch(loop, iterator)
    return loop


def _next_of(kind: type, kinds: list[type]) -> Any:
    """The robust iterator asks the plain one, in a task of its own: only the outer answer reaches the host."""

    async def following(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
        outermost = next(each for each in type(iterator).__mro__ if each in kinds)
        if outermost is not kind:
            return await wrapped(*args, **kwargs)
        _handling.end(iterator)
        message = await wrapped(*args, **kwargs)
        try:
            _begin(iterator, message)
        except Exception as error:  # whatever it is, the message arrives
            logger.warning("a message goes without its trace: %s: %s", type(error).__name__, error)
        return message

    return following


def _begin(iterator: Any, message: Any) -> None:
    carrier = {str(key): str(value) for key, value in (message.headers or {}).items()}
    name = f"{message.routing_key or message.exchange} process"
    destination, topic = message.exchange or message.routing_key or "", {ROUTING_KEY: message.routing_key or ""}
    _handling.begin(iterator, name, destination, propagate.extract(carrier), topic)


def name_topics(_module: object) -> None:
    """OpenTelemetry's span of a callback has the exchange alone, which is one for all topics."""
    wrapt.wrap_function_wrapper(
        "opentelemetry.instrumentation.aio_pika.span_builder", "SpanBuilder.set_message", _named
    )


def _named(wrapped: Any, builder: Any, args: Any, kwargs: Any) -> None:
    wrapped(*args, **kwargs)
    for message in args:
        if topic := getattr(message, "routing_key", None):
            builder._attributes[ROUTING_KEY] = topic


async def _close(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
    _handling.end(iterator)
    return await wrapped(*args, **kwargs)
