"""The bot's ear on the bus that the workers use: RabbitMQ where RABBITMQ_HOST is set, else Redis."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractIncomingMessage
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ops_bot.alerts import TOPICS
from ops_bot.settings import Settings

Handle = Callable[[str, Mapping[str, Any]], Awaitable[None]]

logger = structlog.get_logger("ops_bot.listening")


class Ear:
    """``connected`` says whether messages would be heard now."""

    def __init__(self, settings: Settings, handle: Handle) -> None:
        self._settings, self._handle = settings, handle
        self.connected = False

    async def listen(self) -> None:
        """Until cancelled. A lost connection is told once, and made anew."""
        hear = self._rabbitmq if self._settings.rabbitmq else self._redis
        told = False
        while True:
            try:
                await hear()
            except (RedisError, OSError, aio_pika.exceptions.AMQPError) as error:
                if self.connected or not told:
                    logger.warning("bus_lost", error=f"{type(error).__name__}: {error}")
                told = True
            self.connected = False
            await asyncio.sleep(1)

    async def _redis(self) -> None:
        settings = self._settings
        async with (
            Redis(host=settings.redis_host, port=settings.redis_port, health_check_interval=15) as redis,
            redis.pubsub() as channels,
        ):
            await channels.subscribe(*TOPICS)
            async for message in channels.listen():
                if message["type"] == "subscribe":
                    self._there("redis")
                elif message["type"] == "message":
                    await self._hear(message["channel"].decode(), message["data"])

    async def _rabbitmq(self) -> None:
        connection = await aio_pika.connect(**self._settings.rabbitmq, timeout=5)
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.close_callbacks.add(lambda *_: closed.done() or closed.set_exception(ConnectionError("closed")))
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=1)
            exchange = await channel.declare_exchange("atlas_bus", aio_pika.ExchangeType.TOPIC, durable=True)
            queue = await channel.declare_queue(exclusive=True)
            for topic in TOPICS:
                await queue.bind(exchange, topic)

            async def on_message(message: AbstractIncomingMessage) -> None:
                async with message.process():
                    await self._hear(message.routing_key or "", message.body)

            await queue.consume(on_message)
            self._there("rabbitmq")
            await closed

    def _there(self, bus: str) -> None:
        if not self.connected:
            logger.info("listening", bus=bus)
        self.connected = True

    async def _hear(self, topic: str, body: bytes) -> None:
        try:
            await self._handle(topic, json.loads(body))
        except Exception:
            logger.exception("event_failed", topic=topic)
