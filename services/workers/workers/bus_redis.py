"""The bus over Redis pub/sub: a channel a topic."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)


class RedisTransport:
    """Subscribes anew after a lost connection: what was published meanwhile is gone."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> "RedisTransport":
        redis = Redis(host=host, port=port, socket_connect_timeout=5, health_check_interval=15)
        await redis.ping()
        return cls(redis)

    async def send(self, topic: str, body: bytes) -> None:
        await self._redis.publish(topic, body)

    async def listen(self, topics: Collection[str], receive: Callable[[str, bytes], Awaitable[None]]) -> None:
        subscribed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(topics, receive, subscribed))
        await subscribed.wait()

    async def _listen(
        self, topics: Collection[str], receive: Callable[[str, bytes], Awaitable[None]], subscribed: asyncio.Event
    ) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channels:
                    await channels.subscribe(*topics)
                    async for message in channels.listen():
                        if message["type"] == "subscribe":
                            subscribed.set()
                        elif message["type"] == "message":
                            await receive(message["channel"].decode(), message["data"])
            except (RedisError, OSError) as error:
                logger.warning("bus_lost", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(1)

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._redis.aclose()
