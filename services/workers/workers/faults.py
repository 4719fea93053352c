"""Faults on purpose, for drills: nothing of it is there without FAULTS=true. Each ends by itself.

``bus_lag`` (``delay`` seconds before each event is handled), ``feed_frozen`` (prices stand still), ``exposure_frozen`` (exposures
are told no more), both of one ``product`` or of all, ``kill_switch_fails`` (the switch is shown and not obeyed).
"""

import asyncio
import time

import structlog

from workers.bus import Event

KINDS = ("bus_lag", "feed_frozen", "exposure_frozen", "kill_switch_fails")
LONGEST, LONGEST_DELAY = 3600.0, 30.0

logger = structlog.get_logger(__name__)


class Faults:
    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self._ends: dict[str, tuple[float, str | None]] = {}  # by kind: when, and of which product alone
        self._delay = 0.0

    def start(self, event: Event) -> None:
        """It takes the place of one of its kind; ``seconds`` of 0 ends that."""
        if not self.allowed or event.get("kind") not in KINDS:
            return
        seconds = min(float(event["seconds"]), LONGEST)
        self._ends[event["kind"]] = (time.monotonic() + seconds, event.get("product"))
        if event["kind"] == "bus_lag":
            self._delay = min(float(event.get("delay", 2)), LONGEST_DELAY)
        logger.warning("fault", kind=event["kind"], seconds=seconds, product=event.get("product"))

    def active(self, kind: str, product: str | None = None) -> bool:
        """Whether it is, and of that product."""
        until, only = self._ends.get(kind, (0.0, None))
        return time.monotonic() < until and only in (None, product)

    async def lag(self) -> None:
        if self.active("bus_lag"):
            await asyncio.sleep(self._delay)
