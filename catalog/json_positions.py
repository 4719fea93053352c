"""Where the keys of a JSON text are: the standard decoder tells neither positions nor repeated keys."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Key:
    """A key by its path from the root, the position of its name (from 1), and whether its object already had it."""

    path: KeyPath
    line: int
    column: int
    repeated: bool


@dataclass
class _Level:
    is_object: bool
    step: str | int = 0
    expects_key: bool = True
    names: set[str] = field(default_factory=set[str])


def keys(text: str) -> Iterator[Key]:
    """Every key of a text that ``json.loads`` has accepted, in the order of the text."""
    levels: list[_Level] = []
    for token in TOKEN.finditer(text):
        mark = token.group()
        if mark in "{[":
            levels.append(_Level(is_object=mark == "{"))
        elif mark in "}]":
            levels.pop()
        elif not levels:
            return
        elif mark == ",":
            levels[-1].expects_key = True
            if isinstance(levels[-1].step, int):
                levels[-1].step += 1
        elif mark == ":":
            levels[-1].expects_key = False
        elif levels[-1].is_object and levels[-1].expects_key:
            level = levels[-1]
            name: str = json.loads(mark)
            level.step = name
            start = token.start()
            line = text.count("\n", 0, start) + 1
            yield Key(
                tuple(each.step for each in levels), line, start - text.rfind("\n", 0, start), name in level.names
            )
            level.names.add(name)
