"""The event bus, over RabbitMQ or Redis: what both have in common."""

import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import structlog

from workers import metrics

Event = Mapping[str, Any]
Handler = Callable[[str, Event], Awaitable[None]]

logger = structlog.get_logger(__name__)


class Transport(Protocol):
    async def send(self, topic: str, body: bytes) -> None: ...

    async def listen(self, topics: Collection[str], receive: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Returns when messages flow; ``receive`` then gets one at a time, in the bus's order, until ``close``."""
        ...

    async def close(self) -> None: ...


class Bus:
    """Events as JSON objects; counted and timed. It keeps nothing: an event that nobody listens for is gone."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def publish(self, topic: str, event: Event) -> None:
        await self._transport.send(topic, json.dumps({**event, "published_at": time.time()}).encode())
        metrics.PUBLISHED.labels(topic).inc()

    async def subscribe(self, topics: Collection[str], handler: Handler) -> None:
        """An event that cannot be read or handled is told and left; the next one is heard all the same."""

        async def receive(topic: str, body: bytes) -> None:
            try:
                event = json.loads(body)
                if not isinstance(event, dict):
                    raise ValueError("an event is a JSON object")
                await handler(topic, event)
            except Exception:
                logger.exception("event_failed", topic=topic)
                return
            metrics.CONSUMED.labels(topic).inc()
            if isinstance(published_at := event.get("published_at"), int | float):
                metrics.LAG.labels(topic).observe(max(0.0, time.time() - published_at))

        await self._transport.listen(topics, receive)

    async def close(self) -> None:
        await self._transport.close()
