"""Handling spans for aio-pika's iterators. Callbacks and the headers of what is published are left to OpenTelemetry's own."""

from typing import Any

import wrapt

from atlas_instrumentation.handling import Handling

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
        _handling.begin(iterator, name, message.exchange or message.routing_key or "", carrier)
        return message

    return following


async def _close(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
    _handling.end(iterator)
    return await wrapped(*args, **kwargs)
