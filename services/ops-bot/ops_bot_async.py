"""Start of the bot: ``python -m ops_bot_async``. SIGTERM ends it; exit code 2 tells of a wrong environment."""

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from ops_bot.alerts import Alerts
from ops_bot.listening import Ear
from ops_bot.posts import Posts
from ops_bot.settings import Settings, SettingsError, read

logger = structlog.get_logger("ops_bot")


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    alerts = Alerts(settings.pnl_threshold, settings.dedup_ttl)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        posts = Posts(settings, session)

        async def handle(topic: str, event: Mapping[str, Any]) -> None:
            if settings.enabled and (text := alerts.message(topic, event)):
                await posts.send(text)

        ear = Ear(settings, handle)
        listening = asyncio.create_task(ear.listen())
        runner = await serve(settings.health_port, ear)
        logger.info("started", port=settings.health_port, dry=not (settings.slack_token or settings.teams_url))
        await stop.wait()
        logger.info("stopping")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await runner.cleanup()


async def serve(port: int, ear: Ear) -> web.AppRunner:
    """``/healthz`` says that the bot lives, and whether it is on the bus: restarting it would not bring a bus back."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "bus": "connected" if ear.connected else "lost"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner


def configure_logs(level: str) -> None:
    """JSON lines on stdout; an unknown level means ``info``."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            lambda _logger, _method, event: {"service": "ops-bot", **event},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
        ),
    )
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)


def main() -> int:
    try:
        settings = read()
    except SettingsError as error:
        configure_logs("info")
        logger.critical("wrong_environment", problem=str(error))
        return 2
    configure_logs(settings.log_level)
    asyncio.run(run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
