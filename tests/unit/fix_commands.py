"""What a command of ``pulumi config`` does to a configuration, as the engine's own CLI was seen to do it."""

import dataclasses
import json
import re
import shlex
from itertools import pairwise
from typing import Any

from settings.loader import Configuration

_STEP = re.compile(r'\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\["((?:[^"\\]|\\"|\\)*)"\]')


def asks(command: str) -> bool:
    """Whether the CLI would ask for a value at its prompt."""
    words = [word for word in shlex.split(command)[2:] if not word.startswith("--")]
    return command.startswith("config set") and len(words) == 1


def after(command: str, before: Configuration) -> Configuration:
    """The configuration after ``pulumi <command>``, which has all its values."""
    first, _, then = command.partition(" && ")
    if then:
        without = after(first.partition(" --stack ")[0], before)
        return after(then.removeprefix("pulumi "), without)
    words = shlex.split(command)
    if words[:2] == ["stack", "rename"]:
        return dataclasses.replace(before, stack=words[2])
    kind = words[words.index("--type") + 1] if "--type" in words else None
    key, *value = [word for word in words[2:] if not word.startswith("--") and word != kind]
    values, secret, foreign = dict(before.values), before.secret, before.foreign
    if not key.startswith("atlas:"):
        return dataclasses.replace(before, foreign=foreign - {key})
    key = key.removeprefix("atlas:")
    if "--path" in words:
        first, *path = steps(key)
        document = json.loads(values.get(first, "{}"))
        _change(document, path, value[0] if value else None, kind)
        values[first] = json.dumps(document)
    elif value:
        values[key] = value[0]
    else:
        values.pop(key)
        secret -= {key}
    return dataclasses.replace(before, values=values, secret=secret)


def steps(path: str) -> list[Any]:
    """The parts of a path such as ``a.b[0]["c.d"]``."""
    found: list[Any] = []
    rest = path
    while rest:
        match = _STEP.match(rest)
        assert match, f"{path} is no path"
        name, index, quoted = match.groups()
        found.append(int(index) if index is not None else name if name is not None else quoted.replace('\\"', '"'))
        rest = rest[match.end() :]
    return found


def _change(document: Any, path: list[Any], text: str | None, kind: str | None) -> None:
    for step, following in pairwise(path):
        if isinstance(step, str):
            document.setdefault(step, [] if isinstance(following, int) else {})
        document = document[step]
    if text is None:
        del document[path[-1]]
    else:
        if isinstance(document, list) and path[-1] == len(document):
            document.append(None)  # as the CLI does
        there = document.get(path[-1]) if isinstance(document, dict) else document[path[-1]]
        document[path[-1]] = _typed(text, kind or ("string" if isinstance(there, str) else None))


def _typed(text: str, kind: str | None) -> Any:
    """What is stored: what looks like a number or a truth value is one, but over a text, which keeps its quotes."""
    if kind == "string":
        return text
    if kind in ("int", "float", "bool"):
        return json.loads(text)
    return json.loads(text) if re.fullmatch("true|false|-?[0-9]+", text) else text
