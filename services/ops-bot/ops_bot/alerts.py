"""Which events are worth a message, and how often."""

import time
from collections.abc import Mapping
from typing import Any

TOPICS = ("kill_switch", "pnl_update")


class Alerts:
    """A change of the kill switch is told each time, a loss once in ``dedup_ttl`` seconds."""

    def __init__(self, pnl_threshold: float, dedup_ttl: float) -> None:
        self._threshold, self._ttl = pnl_threshold, dedup_ttl
        self._engaged: bool | None = None
        self._told_at: float | None = None

    def message(self, topic: str, event: Mapping[str, Any]) -> str | None:
        """The text for people, or None."""
        if topic == "kill_switch":
            engaged = bool(event["engaged"])
            if engaged == self._engaged:
                return None
            self._engaged = engaged
            done = "engaged" if engaged else "released"
            return f"Kill switch {done} by {event.get('user_id', 'somebody')}: {event.get('reason', 'no reason given')}"
        if topic == "pnl_update" and event["daily_pnl"] <= self._threshold:
            now = time.monotonic()
            if self._told_at is not None and now - self._told_at < self._ttl:
                return None
            self._told_at = now
            return f"Daily result {event['daily_pnl']:.2f} is at or below {self._threshold:.2f}"
        return None
