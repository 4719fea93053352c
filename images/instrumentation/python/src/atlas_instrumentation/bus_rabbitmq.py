"""Handling spans for aio-pika's iterators. Callbacks and the headers of what is published are left to OpenTelemetry's own."""

from typing import Any

import wrapt
from opentelemetry import propagate

from atlas_instrumentation.handling import Handling

_handling = Handling()


def instrument(_module: object) -> None:
    from aio_pika.queue import QueueIterator
    from aio_pika.robust_queue import RobustQueueIterator

    kinds = [QueueIterator]
    if "__anext__" in vars(RobustQueueIterator):
        kinds.append(RobustQueueIterator)
    for kind in kinds:
        wrapt.wrap_function_wrapper(kind.__module__, f"{kind.__name__}.__anext__", _next_of(kind, kinds))
    wrapt.wrap_function_wrapper("aio_pika.queue", "QueueIterator.close", _close)


def _next_of(kind: type, kinds: list[type]) -> Any:
    """The robust iterator asks the plain one, in a task of its own: only the outer answer reaches the host."""

    async def following(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
        if any(isinstance(iterator, other) and issubclass(other, kind) for other in kinds if other is not kind):
            return await wrapped(*args, **kwargs)
        return await _next(wrapped, iterator, args, kwargs)

    return following


async def _next(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
    _handling.end(iterator)
    message = await wrapped(*args, **kwargs)
    carrier = {str(key): str(value) for key, value in (message.headers or {}).items()}
    attributes = {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": message.exchange or message.routing_key or "",
        "messaging.operation.type": "process",
    }
    name = f"{message.routing_key or message.exchange} process"
    _handling.begin(iterator, name, propagate.extract(carrier), attributes)
    return message


async def _close(wrapped: Any, iterator: Any, args: Any, kwargs: Any) -> Any:
    _handling.end(iterator)
    return await wrapped(*args, **kwargs)
