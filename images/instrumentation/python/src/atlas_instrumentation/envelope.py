"""The trace in a Redis message: the last field of a JSON object, put in and taken out as text; nothing else of it changes.

``{…,"_trace":{"traceparent":"…","tracestate":"…"}}``: whoever does not know of it sees one more field. A price such as
``0.10`` or a number of 20 digits would not survive being parsed and printed. What is no JSON object in UTF-8 stays as it is.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

FIELD = "_trace"
MOST_WRITTEN = 256 * 1024
"""Characters or bytes of a message that gets the trace: a longer one takes milliseconds to look through, and goes without."""
MOST_READ = 1024 * 1024
"""The same for a message that may have it."""
MOST_BRACKETS = 5000
"""Of a message, where the host has raised Python's limit of recursion: one that is deep would overflow the stack."""
_BLANKS = " \t\n\r"
_blanks = re.compile(f"[{_BLANKS}]*")
_quoted = f'"{FIELD}"'
_octets = _quoted.encode()


class _Field(NamedTuple):
    """The trace's member of an object, and what of the text is its own, a comma included."""

    value: Any
    start: int
    end: int


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Nobody asks for the values of numbers, and one of 5,000 digits would be refused: only their length is taken.
_reader = json.JSONDecoder(parse_float=len, parse_int=len, parse_constant=_refuse)


def enclose(message: Any, carrier: Mapping[str, str]) -> Any:
    """The message with ``carrier`` in it, as what it was: text or bytes. Never fails."""
    try:
        text = _text(message, MOST_WRITTEN)
        fields = None if text is None or _deep(text) else _reader.decode(text)
    except (ValueError, RecursionError):
        return message
    kept = {name: carrier[name] for name in ("traceparent", "tracestate") if carrier.get(name)}
    if text is None or not isinstance(fields, dict) or FIELD in fields or "traceparent" not in kept:
        return message
    head = text.rstrip(_BLANKS)[:-1].rstrip(_BLANKS)
    # A trace state may have braces, at which other readers look.
    inner = json.dumps(kept, separators=(",", ":"))[1:-1].replace("{", "\\u007b").replace("}", "\\u007d")
    added = f"{',' if fields else ''}{_quoted}:{{{inner}}}"
    return _like(message, f"{head}{added}{text[len(head) :]}")


def opened(message: Any) -> tuple[Any, dict[str, str]]:
    """The message as its publisher wrote it, and the context that came with it: none, and nothing is changed. Never fails."""
    try:
        if not (_quoted in message if isinstance(message, str) else isinstance(message, bytes) and _octets in message):
            return message, {}
        text = _text(message, MOST_READ)
        field = None if text is None or _deep(text) else _find(text)
    except (ValueError, RecursionError):
        return message, {}
    if text is None or field is None or not isinstance(field.value, dict):
        return message, {}
    carrier = {name: value for name, value in field.value.items() if isinstance(value, str)}
    if "traceparent" not in carrier:
        return message, {}
    return _like(message, text[: field.start] + text[field.end :]), carrier


def _text(message: Any, most: int) -> str | None:
    """Of a message that Redis would take, and that is no longer than ``most``. Raises ValueError for bytes that are not UTF-8."""
    if isinstance(message, str):
        # A kind of text with an encoding of its own is not what it seems.
        return str.__str__(message) if len(message) <= most and type(message).encode is str.encode else None
    if isinstance(message, memoryview) and (message.itemsize != 1 or not message.c_contiguous):
        return None
    if not isinstance(message, (bytes, bytearray, memoryview)) or len(message) > most:
        return None
    return str(message, "utf-8")


def _like(message: Any, text: str) -> str | bytes | bytearray:
    if isinstance(message, str):
        return text
    # Some versions of the client refuse it, and go on to do so.
    return bytearray(text, "utf-8") if isinstance(message, bytearray) else text.encode()


def _deep(text: str) -> bool:
    return sys.getrecursionlimit() > MOST_BRACKETS and text.count("{") + text.count("[") > MOST_BRACKETS


def _find(text: str) -> _Field | None:
    """In the object that the text is. Of duplicates the last one counts, as for all readers. Raises ValueError for no object."""
    found: _Field | None = None
    before: int | None = None
    at = _expect(text, 0, "{")
    while before is not None or not text.startswith("}", at):
        if not text.startswith('"', at):
            raise ValueError("a name is missing")
        start = at
        name, at = _reader.raw_decode(text, at)
        value, end = _reader.raw_decode(text, _expect(text, at, ":"))
        at = _skip(text, end)
        is_last = text.startswith("}", at)
        following = at if is_last else _expect(text, at, ",")
        if name == FIELD:
            # With the comma before it, or as the first one with that behind it.
            found = (
                _Field(value, before, end)
                if before is not None
                else _Field(value, start, end if is_last else following)
            )
        if is_last:
            break
        before, at = end, following
    if _skip(text, at + 1) != len(text):
        raise ValueError("more than one value")
    return found


def _expect(text: str, at: int, mark: str) -> int:
    """Where the next thing begins behind ``mark``, which has to come next."""
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"{mark} is missing")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _blanks.match(text, at)
    return found.end() if found else at
