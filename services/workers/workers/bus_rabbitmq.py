"""The bus over RabbitMQ: the durable topic exchange ``atlas_bus``, routing key = topic, a queue of its own for every subscriber."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractIncomingMessage

EXCHANGE = "atlas_bus"

logger = structlog.get_logger(__name__)


class RabbitTransport:
    """Reconnects by itself, with a new queue: what was in the old one is gone, as the platform's bus has it."""

    def __init__(self, connection: aio_pika.abc.AbstractRobustConnection) -> None:
        self._connection = connection
        self._exchange: aio_pika.abc.AbstractExchange
        self._silent = False
        connection.close_callbacks.add(self._on_lost)
        connection.reconnect_callbacks.add(self._on_back)

    @classmethod
    async def connect(cls, **where: Any) -> "RabbitTransport":
        self = cls(await aio_pika.connect_robust(**where, timeout=5, reconnect_interval=1))
        self._exchange = await self._declare(await self._connection.channel())
        return self

    async def send(self, topic: str, body: bytes) -> None:
        message = aio_pika.Message(body, content_type="application/json")
        # Not mandatory: without a subscriber it is dropped, and the broker counts it.
        await self._exchange.publish(message, routing_key=topic, mandatory=False, timeout=5)

    async def listen(self, topics: Collection[str], receive: Callable[[str, bytes], Awaitable[None]]) -> None:
        channel = await self._connection.channel()
        # One at a time keeps the bus's order.
        await channel.set_qos(prefetch_count=1)
        exchange = await self._declare(channel)
        queue = await channel.declare_queue(exclusive=True)
        for topic in topics:
            await queue.bind(exchange, topic)

        async def on_message(message: AbstractIncomingMessage) -> None:
            async with message.process():
                await receive(message.routing_key or "", message.body)

        await queue.consume(on_message)

    async def close(self) -> None:
        self._silent = True
        await self._connection.close()

    def _on_lost(self, _connection: object, error: BaseException | None) -> None:
        """Called for each attempt that fails as well; the first is told."""
        if not self._silent:
            self._silent = True
            logger.warning("bus_lost", error=f"{type(error).__name__}: {error}")

    def _on_back(self, _connection: object) -> None:
        self._silent = False
        logger.info("bus_back")

    @staticmethod
    async def _declare(channel: aio_pika.abc.AbstractChannel) -> aio_pika.abc.AbstractExchange:
        return await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
