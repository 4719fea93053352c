"""Start of the workers: ``python -m workers.worker_main``. SIGTERM ends them in order; exit code 2 tells of a wrong environment."""

import asyncio
import contextlib
import signal
import sys

import structlog
from prometheus_client import start_http_server

from workers import logs, settings
from workers.bus import Bus, Event
from workers.bus_rabbitmq import RabbitTransport
from workers.bus_redis import RedisTransport
from workers.exchange import Exchange
from workers.faults import Faults
from workers.orders import Orders
from workers.patience import until_there
from workers.state import State
from workers.store import Store
from workers.topics import TOPICS

logger = structlog.get_logger(__name__)


CLOSING_SECONDS = 5


async def work(chosen: settings.Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    connecting = asyncio.create_task(connect(chosen))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        return
    store, bus = connecting.result()
    try:
        await serve(chosen, store, bus, stop)
    finally:
        logger.info("stopping")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await bus.close()
        store.close()


async def connect(chosen: settings.Settings) -> tuple[Store, Bus]:
    """To PostgreSQL, and to RabbitMQ where RABBITMQ_HOST is set, else to Redis; as soon as they are there."""
    store = await until_there("PostgreSQL", lambda: Store.connect(**chosen.postgres_dsn))
    if (rabbitmq := chosen.rabbitmq) is not None:
        return store, Bus(await until_there("RabbitMQ", lambda: RabbitTransport.connect(**rabbitmq)))
    redis = {"host": chosen.redis_host, "port": chosen.redis_port}
    return store, Bus(await until_there("Redis", lambda: RedisTransport.connect(**redis)))


async def serve(chosen: settings.Settings, store: Store, bus: Bus, stop: asyncio.Event) -> None:
    """Hear events and take part in the exchange until ``stop``."""
    state, faults = State(), Faults(chosen.faults)
    orders = Orders(chosen, store, bus, state, faults)
    exchange = Exchange(chosen, store, bus, orders, faults)

    async def hear(topic: str, event: Event) -> None:
        await faults.lag()
        state.hear(topic, event)
        match topic:
            case "order_request":
                await orders.request(event)
            case "order_update":
                exchange.stale = True
            case "kill_switch":
                await orders.kill_switch(event)
            case "fault":
                faults.start(event)

    await bus.subscribe(TOPICS, hear)
    logger.info("listening", bus="rabbitmq" if chosen.rabbitmq else "redis")
    await exchange.run(stop)


def main() -> int:
    try:
        chosen = settings.read()
    except settings.SettingsError as error:
        logs.configure("info")
        logger.critical("wrong_environment", problem=str(error))
        return 2
    logs.configure(chosen.log_level)
    start_http_server(chosen.metrics_port)
    asyncio.run(work(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
