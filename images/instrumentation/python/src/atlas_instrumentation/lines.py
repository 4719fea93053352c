"""One JSON object a line, on the process's own stdout."""

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from opentelemetry import trace

_NAMES = {"warn": "warning", "fatal": "critical", "exception": "error", "notset": "debug"}


class Lines:
    """Writes lines whole, whichever thread they come from. ``fd`` is the file descriptor; an error of it is nobody's error."""

    def __init__(self, service: str, fd: int = 1) -> None:
        self._service = service
        self._fd = fd
        self._lock = threading.RLock()
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lock = threading.RLock()

    def write(self, level: str, logger: str, message: str, more: Mapping[str, Any] | None = None) -> None:
        """Write a line of our own making. ``more`` does not replace the fields that every line has."""
        fields = {"timestamp": now(), "level": _NAMES.get(level, level), "logger": logger, "message": message}
        self._emit({**(more or {}), **fields})

    def complete(self, fields: dict[str, Any], level: str, logger: str) -> None:
        """Write a host's own JSON object, with what it lacks."""
        for theirs in ("message", "event", "msg"):
            if theirs in fields:
                message = fields.pop(theirs)
                break
        else:
            message = ""
        stated = fields.pop("level", level)
        named = _NAMES.get(stated.lower(), stated.lower()) if isinstance(stated, str) else level
        fixed = {
            "timestamp": fields.pop("timestamp", None) or now(),
            "level": named,
            "logger": fields.pop("logger", None) or logger,
            "message": message,
        }
        self._emit({**fields, **fixed})

    def _emit(self, fields: dict[str, Any]) -> None:
        whole = {key: fields.pop(key) for key in ("timestamp", "level", "logger", "message")}
        whole["service"] = fields.pop("service", self._service)
        whole |= ids()
        for key, value in (structlog.contextvars.get_contextvars() | fields).items():
            whole.setdefault(key, value)
        data = (dumped(whole) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                return  # nobody reads: a service goes on without its logs


def now() -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ids() -> dict[str, str]:
    """Of the span at work, as lower-case hexadecimal digits; nothing outside of one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def exemplar() -> dict[str, str] | None:
    """What leads from an observation to its trace, for prometheus_client; None outside of a span that is recorded."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.is_valid and context.trace_flags.sampled else None


def dumped(fields: Mapping[str, Any]) -> str:
    """As JSON, whatever the values are."""
    try:
        return _whole.encode(fields)
    except (TypeError, ValueError):
        return json.dumps({str(key): _shown(value) for key, value in fields.items()}, ensure_ascii=False)


def _shown(value: object) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    try:
        return str(value)
    except Exception:  # a host's own __str__ may raise anything
        return f"<{type(value).__name__}>"


# Made once: `json.dumps` makes one for each line.
_whole = json.JSONEncoder(ensure_ascii=False, default=_shown, allow_nan=False)


def loaded(text: str) -> dict[str, Any] | None:
    """The object in ``text``, if it is one in JSON."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
