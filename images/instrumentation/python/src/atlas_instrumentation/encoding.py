"""A record as JSON, whatever its values are. What one may cost is bounded, and so is its line."""

import json
import math
from collections import deque
from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any

LARGEST_LINE = 256 * 1024
"""Bytes."""
LONGEST_TEXT = 64 * 1024
"""Characters of one value; the middle of a longer one is cut."""
LONGEST_KEY = 1024
MOST_MEMBERS = 1024
"""Of a record, and of each object or list in it."""
DEEPEST = 16
_AT_ONCE = 16 * 1024
"""Characters of a record that needs no counting: escaped, it is still a short line."""
_ESCAPED = 6
"""Bytes that JSON may need for one character."""
_MOST_BITS = 13_000
"""Of a whole number that is written in digits, which Python refuses from 4,300 on and takes quadratic time for."""
_SIMPLE = frozenset({str, int, float, bool, type(None)})
_HOLDERS = frozenset({dict, list, tuple})
_FEW = 64
_CUT = "…"


def encoded(fields: Mapping[str, Any]) -> bytes:
    """The line, with its newline, in at most LARGEST_LINE bytes. Never fails."""
    text = _at_once(fields)
    if text is None:
        text = _counted(fields, LARGEST_LINE * 3 // 4)
        if len(text) > LARGEST_LINE // _ESCAPED and len(_bytes(text)) > LARGEST_LINE:
            text = _counted(fields, LARGEST_LINE // (_ESCAPED + 1))
    return _bytes(text)


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """Begin and end of what is longer, with how much is missing between."""
    length = len(text)
    if length <= longest:
        return text
    end = longest // 8
    return f"{text[: longest - end]}{_CUT} {length - longest} characters cut {_CUT}{text[length - end :]}"


def loaded(text: str) -> dict[str, Any] | None:
    """The object in ``text``, if it is one in JSON. A number that no float holds keeps its digits, as text."""
    if not text.startswith("{") or len(text) > LARGEST_LINE:
        return None
    try:
        found = json.loads(text, parse_float=_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def shown(value: object) -> str:
    """As text, also where a host's own ``__str__`` raises."""
    try:
        return str(value)
    except Exception:  # anything
        return f"<{type(value).__name__}>"


# Made once: `json.dumps` makes one for each line.
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False)


def _bytes(text: str) -> bytes:
    return (text + "\n").encode("utf-8", "backslashreplace")


def _at_once(fields: Mapping[str, Any]) -> str | None:
    """Of a record of few and simple values, as nearly all are."""
    if len(fields) > _FEW:
        return None
    for value in fields.values():
        if type(value) not in _SIMPLE and not (type(value) in _HOLDERS and _is_flat(value)):
            return None
    try:
        text = _encoder.encode(fields)
    except (TypeError, ValueError, RuntimeError):  # a key or a number that JSON has not, or another thread changes it
        return None
    return text if len(text) <= _AT_ONCE else None


def _is_flat(value: Any) -> bool:
    if len(value) > _FEW:
        return False
    return all(type(each) in _SIMPLE for each in (list(value.values()) if type(value) is dict else value))


def _counted(fields: Mapping[str, Any], room: int) -> str:
    made = _Counted(room)
    return _encoder.encode(made.members(fields, 0, min(LONGEST_TEXT, room // 3)))


class _Counted:
    """Makes values that JSON has, until ``room`` characters are used up."""

    def __init__(self, room: int) -> None:
        self._room = room

    def members(self, value: Mapping[Any, Any], depth: int, most: int = LONGEST_TEXT) -> dict[str, Any]:
        """No member takes more than ``most`` characters, so that there is room for others."""
        made: dict[str, Any] = {}
        for key, member in _first(value.items(), len(value)):
            if self._room <= 0:
                made[_CUT] = f"{len(value) - len(made)} members cut"
                break
            made[self._text(key if isinstance(key, str) else shown(key), LONGEST_KEY)] = self._within(
                most, member, depth
            )
        else:
            if len(value) > MOST_MEMBERS:
                made[_CUT] = f"{len(value) - MOST_MEMBERS} members cut"
        return made

    def _within(self, most: int, value: Any, depth: int) -> Any:
        kept = self._room - min(most, self._room)
        self._room -= kept
        made = self._value(value, depth)
        self._room += kept
        return made

    def _items(self, value: Any, depth: int) -> list[Any]:
        made: list[Any] = []
        for item in _first(value, len(value)):
            if self._room <= 0:
                break
            made.append(self._value(item, depth))
        if len(made) < len(value):
            made.append(f"{_CUT} {len(value) - len(made)} more")
        return made

    def _value(self, value: Any, depth: int) -> Any:
        self._room -= 8
        if value is None or value is True or value is False:
            return value
        try:
            return self._made(value, depth)
        except Exception:  # of a host's own class, or of an object that changes meanwhile
            return f"<{type(value).__name__}>"

    def _made(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            if value.bit_length() > _MOST_BITS:
                return self._text(hex(value))
            self._room -= value.bit_length() // 3
            return int(value)
        if isinstance(value, float):
            self._room -= 16
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, (dict, list, tuple, Set, deque, Mapping)):
            if depth >= DEEPEST:
                return _CUT
            return self.members(value, depth + 1) if isinstance(value, Mapping) else self._items(value, depth + 1)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._text(bytes(value[:LONGEST_TEXT]).decode("utf-8", "backslashreplace"))
        if isinstance(value, (datetime, date, time)):
            return self._text(value.isoformat())
        if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):  # a number of numpy
            return self._made(value.item(), depth + 1) if depth < DEEPEST else _CUT
        return self._text(str(value))

    def _text(self, text: str, longest: int = LONGEST_TEXT) -> str:
        made = cut(str.__str__(text), max(0, min(longest, self._room)))
        self._room -= len(made)
        return made


def _first(values: Iterable[Any], length: int) -> Iterable[Any]:
    # The copy is made in one step, so that another thread may change what it is made of.
    return list(values) if length <= MOST_MEMBERS else islice(values, MOST_MEMBERS)


def _number(digits: str) -> float | str:
    if len(digits) > LONGEST_KEY:
        return digits
    made = float(digits)
    text = repr(made)
    if text == digits or (math.isfinite(made) and Decimal(text) == Decimal(digits)):
        return made
    return digits
