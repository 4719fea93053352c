"""What the environment says, and what of it could not be used."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50, "fatal": 50}
"""Names of levels, in lower case, and Python's numbers."""
METRICS_PORT = 9464


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``level`` is one of Python's numbers; ``metrics_port`` is None where none are served.

    ``important`` are words in lower case that mark a trace; ``complaints`` are logged once.
    """

    service: str
    level: int
    level_is_given: bool
    metrics_port: int | None
    redis_envelope: bool
    order_spans: frozenset[str]
    important: tuple[str, ...]
    complaints: tuple[str, ...]


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Never fails: what is wrong is replaced by its default and complained of."""
    complaints: list[str] = []
    named = environment.get("LOG_LEVEL", "").strip()
    level = LEVELS.get(named.lower())
    if named and level is None:
        complaints.append(f"LOG_LEVEL is {named!r}, expected one of {', '.join(LEVELS)}; info is used")
    port = environment.get("METRICS_PORT", "").strip()
    metrics_port: int | None = METRICS_PORT
    if port:
        metrics_port = int(port) if port.isdecimal() and 0 < int(port) < 65536 else None
        if metrics_port is None:
            complaints.append(f"METRICS_PORT is {port!r}, expected a port from 1 to 65535; no metrics are served")
    spans = environment.get("ATLAS_ORDER_SPANS", "process_order,order.process,order_processing")
    words = environment.get("ATLAS_IMPORTANT_TRACES", "order,kill,risk")
    return Settings(
        service=environment.get("OTEL_SERVICE_NAME", "").strip() or "unknown_service",
        level=level or LEVELS["info"],
        level_is_given=level is not None,
        metrics_port=metrics_port,
        redis_envelope=environment.get("TRACE_REDIS_MESSAGES", "").strip().lower() == "true",
        order_spans=frozenset(_listed(spans)),
        important=tuple(_listed(words.lower())),
        complaints=tuple(complaints),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
