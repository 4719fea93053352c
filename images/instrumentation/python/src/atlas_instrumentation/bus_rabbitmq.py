"""Handling spans for aio-pika's iterators, and topics. Callbacks and the headers of what is published are OpenTelemetry's own."""

from typing import Any

import wrapt

from atlas_instrumentation.handling import Handling

ROUTING_KEY = "messaging.rabbitmq.destination.routing_key"
_handling = Handling("rabbitmq")


def instrument(_module: object) -> None:
    from aio_pika.queue import QueueIterator
    from aio_pika.robust_queue import RobustQueueIterator

    kinds = [kind for kind in (QueueIterator, RobustQueueIterator) if "__anext__" in vars(kind)]
    for kind in kinds:
        wrapt.wrap_function_wrapper(kind.__module__, f"{kind.__name__}.__anext__", _next_of(kind, kinds))
    wrapt.wrap_function_wrapper("aio_pika.queue", "QueueIterator.close", _close)


def _next_of(kind: type, kinds: list[type]) -> Any:
    """The robust iterator asks the plain one, in a task of its own: only the outer answer reaches the host."""

    async def following(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
        outermost = next(each for each in type(iterator).__mro__ if each in kinds)
        if outermost is not kind:
            return await wrapped(*args, **kwargs)
        _handling.end(iterator)
        message = await wrapped(*args, **kwargs)
        carrier = {str(key): str(value) for key, value in (message.headers or {}).items()}
        name = f"{message.routing_key or message.exchange} process"
        destination, topic = message.exchange or message.routing_key or "", {ROUTING_KEY: message.routing_key or ""}
        _handling.begin(iterator, name, destination, carrier, topic)
        return message

    return following


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
