"""One JSON object a line, on the process's own stdout."""

import os
import select
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from atlas_instrumentation.bindings import Origin, here
from atlas_instrumentation.encoding import encoded, loaded

__all__ = ["Lines", "exemplar", "loaded", "now"]

_NAMES = {"warn": "warning", "fatal": "critical", "exception": "error", "notset": "debug"}
PATIENCE_SECONDS = 5
"""For a reader of a stream that does not wait by itself."""


class Lines:
    """Writes lines whole, whichever thread they come from. ``fd`` is the file descriptor; an error of it is nobody's error.

    With -1 nothing is written.
    """

    def __init__(self, service: str, fd: int = 1) -> None:
        self._service = service
        self._fd = fd
        self._lock = threading.RLock()
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lock = threading.RLock()

    def write(
        self, level: str, logger: str, message: str, more: Mapping[str, Any] | None = None, origin: Origin | None = None
    ) -> None:
        """Write a line of our own making. ``more`` does not replace the fields that every line has.

        ``origin`` is where it was made, if not here.
        """
        line = {"timestamp": now(), "level": _NAMES.get(level, level), "logger": logger, "message": message}
        self._emit(line, more or {}, origin)

    def complete(self, fields: dict[str, Any], level: str, logger: str, origin: Origin | None = None) -> None:
        """Write a host's own JSON object, with what it lacks."""
        for theirs in ("message", "event", "msg"):
            if theirs in fields:
                message = fields.pop(theirs)
                break
        else:
            message = ""
        stated = fields.pop("level", level)
        named = _NAMES.get(stated.lower(), stated.lower()) if isinstance(stated, str) else level
        line = {
            "timestamp": fields.pop("timestamp", None) or now(),
            "level": named,
            "logger": fields.pop("logger", None) or logger,
            "message": message,
        }
        self._emit(line, fields, origin)

    def _emit(self, line: dict[str, Any], more: Mapping[str, Any], origin: Origin | None) -> None:
        line["service"] = more.get("service", self._service)
        found, bound = origin or here()
        line |= found
        for fields in (more, bound):
            for key, value in fields.items():
                if key not in line:
                    line[key] = value
        data = encoded(line)
        with self._lock:
            self._out(data)

    def _out(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                # Somebody made it non-blocking. Half a line would spoil the next one, so that its reader gets some time.
                if not select.select([], [self._fd], [], PATIENCE_SECONDS)[1]:
                    return
            except OSError:
                return  # nobody reads: a service goes on without its logs


def now() -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exemplar() -> dict[str, str] | None:
    """What leads from an observation to its trace, for prometheus_client; None outside of a span that is recorded."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.is_valid and context.trace_flags.sampled else None
