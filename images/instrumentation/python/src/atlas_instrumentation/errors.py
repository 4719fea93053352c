"""What an exception says, as fields: its stack, and what a database, the system or a connection adds to it."""

import errno
import re
import socket
import traceback
from collections.abc import Iterator
from itertools import islice
from typing import Any

from atlas_instrumentation.encoding import cut, shown

MOST_LINKS = 16
"""Exceptions of one chain or group that are looked at."""
MOST_FRAMES = 200
LONGEST_SUMMARY = 4096
_ADDRESS = re.compile(r"Connect call failed \('([^']{1,256})', (\d{1,5})")
_NUMBER = re.compile(r"\[Errno (\d{1,5})\]")
_RESOLVING = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}
_FIELDS = {
    "detail": ("detail", "message_detail"),
    "hint": ("hint", "message_hint"),
    "schema": ("schema_name",),
    "table": ("table_name",),
    "column": ("column_name",),
    "constraint": ("constraint_name",),
}
"""Ours, and what asyncpg and psycopg call it, the latter in an object ``diag``."""


def fields_of(error: BaseException) -> dict[str, Any]:
    """``exception`` is the stack as Python prints it; ``err`` has the type, and what the exception or its cause says besides."""
    try:
        return {"exception": text_of(error), "err": {"type": type(error).__qualname__, **_facts(error)}}
    except Exception:  # of a host's own class
        return {"exception": summary(error), "err": {"type": type(error).__qualname__}}


def text_of(error: BaseException) -> str:
    """The stack with its causes, notes and inner exceptions, as Python prints it."""
    try:
        if len(list(islice(_linked(error), MOST_LINKS * 4 + 1))) <= MOST_LINKS * 4:
            lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-MOST_FRAMES)
            return cut("".join(lines).rstrip("\n"))
        # Python would look at all of them.
        frames = "".join(traceback.format_tb(error.__traceback__, limit=-MOST_FRAMES))
        return cut(f"Traceback (most recent call last):\n{frames}{summary(error)}")
    except Exception:  # of a host's own class
        return summary(error)


def summary(error: BaseException | None, kind: type[BaseException] | None = None) -> str:
    """``ValueError: what it says``."""
    name = (kind or type(error)).__name__
    said = cut(shown(error), LONGEST_SUMMARY) if error is not None else ""
    return f"{name}: {said}" if said else name


def _facts(error: BaseException) -> dict[str, Any]:
    """Of the error, and what it lacks, of what caused it."""
    found: dict[str, Any] = {}
    for each in islice(_linked(error), MOST_LINKS):
        for name, value in _own_facts(each).items():
            found.setdefault(name, value)
    if isinstance(error, BaseExceptionGroup):
        inner = islice(error.exceptions, MOST_LINKS)
        found["errors"] = [
            {"type": type(each).__qualname__, "message": summary(each)} | _own_facts(each) for each in inner
        ]
    return found


def _own_facts(error: BaseException) -> dict[str, Any]:
    diag = getattr(error, "diag", None)
    found = {
        "code": _code(error),
        "address": _word(getattr(error, "host", None)),
        "port": _whole(getattr(error, "port", None)),
        "path": _word(getattr(error, "filename", None)) if isinstance(error, OSError) else None,
    }
    for name, theirs in _FIELDS.items():
        for source in (error, diag):
            for attribute in theirs:
                found[name] = found.get(name) or _word(getattr(source, attribute, None))
    if isinstance(error, OSError) and found["address"] is None:
        addresses = _ADDRESS.findall(cut(shown(error), LONGEST_SUMMARY))
        if addresses:
            found["address"], found["port"] = addresses[0][0], int(addresses[0][1])
        if len(addresses) > 1:
            found["errors"] = [{"address": host, "port": int(port)} for host, port in addresses[:MOST_LINKS]]
    return {name: value for name, value in found.items() if value is not None}


def _code(error: BaseException) -> str | int | None:
    """SQLSTATE, the system's name (``ECONNREFUSED``), or what the exception itself calls its code."""
    for attribute in ("sqlstate", "pgcode"):
        if code := _word(getattr(error, attribute, None)):
            return code
    if isinstance(error, OSError):
        number = error.errno
        if number is None and (told := _NUMBER.search(cut(shown(error), LONGEST_SUMMARY))):
            number = int(told[1])
        if isinstance(error, socket.gaierror):
            return _RESOLVING.get(number or 0)
        return errno.errorcode.get(number or 0) or _word(getattr(error, "reason", None))
    code = getattr(error, "code", None)
    return _word(code) or _whole(code)


def _word(value: object) -> str | None:
    return cut(value, LONGEST_SUMMARY) if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _linked(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and its inner ones, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(reversed(each.exceptions[: MOST_LINKS * 4]))
        # As Python shows them: what was given as the cause, or else what was handled meanwhile.
        if each.__cause__ is not None:
            waiting.append(each.__cause__)
        elif each.__context__ is not None and not each.__suppress_context__:
            waiting.append(each.__context__)
