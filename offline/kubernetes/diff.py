"""The changes of an update, field by field, as the engine shows them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from offline.kubernetes.replacement import Path, touches
from offline.values import UNKNOWN, Json, is_empty

_STEP = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]""")


@dataclass(frozen=True)
class Change:
    """One changed field. ``kind`` is add, update or delete; ``replaces`` says that the change is not possible in index."""

    path: Path
    kind: str
    replaces: bool

    @property
    def shown(self) -> str:
        """The path as the engine writes it: ``spec.ports[0].port``, ``metadata.labels["a.b/c"]``."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"[{step}]"
            elif re.search(r'[."\[\]]', step):
                text += '["' + step.replace('"', '\\"') + '"]'
            else:
                text += f".{step}" if text else step
        return text


def changes(
    old: Json, new: Json, previous_inputs: Json, replacing: list[tuple[str, ...]], ignored: list[str]
) -> list[Change]:
    """The changes from ``old`` to ``new``.

    ``old`` is the part of the live object that is in ``previous_inputs``. An empty value that was already in the inputs, and that
    the API server left out, counts as unchanged.
    """
    skipped = [parse(path) for path in ignored]
    found: list[Change] = []
    for path, kind, value in _walk((), old, new, previous_inputs):
        if any(_covers(pattern, path) for pattern in skipped):
            continue
        replaces = (kind == "delete" and path == ("metadata",)) or any(
            touches(field, path, value) for field in replacing
        )
        found.append(Change(path, kind, replaces))
    return found


def _walk(path: Path, old: Json, new: Json, inputs: Json) -> Iterator[tuple[Path, str, Json]]:
    if isinstance(old, dict) and isinstance(new, dict):
        previous = inputs if isinstance(inputs, dict) else {}
        for key in [*new, *(key for key in old if key not in new)]:
            if key not in old:
                if new[key] is not None and not _is_omitted(new[key], previous.get(key)):
                    yield (*path, key), "add", new[key]
            elif key not in new:
                yield (*path, key), "delete", None
            else:
                yield from _walk((*path, key), old[key], new[key], previous.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        previous_list = inputs if isinstance(inputs, list) else []
        for index in range(max(len(old), len(new))):
            if index >= len(old):
                yield (*path, index), "add", new[index]
            elif index >= len(new):
                yield (*path, index), "delete", None
            else:
                previous_item = previous_list[index] if index < len(previous_list) else None
                yield from _walk((*path, index), old[index], new[index], previous_item)
    elif new is UNKNOWN or type(old) is bool or type(new) is bool:
        if new is UNKNOWN or old is not new:
            yield path, "update", new
    elif old != new:
        yield path, "delete" if new is None else "update", new


def _is_omitted(value: Json, before: Json) -> bool:
    return is_empty(value) and type(before) is type(value) and before == value


def parse(text: str) -> Path:
    """Parse a property path as a program writes it in ``ignore_changes``; ``*`` stands for any step."""
    steps: list[str | int] = []
    for plain, index, quoted in _STEP.findall(text):
        if plain:
            steps.append(plain)
        elif index:
            steps.append(index if index == "*" else int(index))
        else:
            steps.append(quoted.replace('\\"', '"'))
    return tuple(steps)


def _covers(pattern: Path, path: Path) -> bool:
    return len(pattern) <= len(path) and all(want in ("*", step) for want, step in zip(pattern, path, strict=False))
