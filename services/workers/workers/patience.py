"""Waiting for what starts later than we do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

T = TypeVar("T")
logger = structlog.get_logger(__name__)


async def until_there(what: str, attempt: Callable[[], Awaitable[T]], pause: float = 1.0) -> T:
    """What ``attempt`` returns, tried every ``pause`` seconds until it raises nothing. The first failure is told, and the end."""
    told = False
    while True:
        try:
            result = await attempt()
        except Exception as error:
            if not told:
                logger.warning("waiting", what=what, error=f"{type(error).__name__}: {error}")
            told = True
            await asyncio.sleep(pause)
        else:
            if told:
                logger.info("there", what=what)
            return result
