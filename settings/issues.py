"""One wrong setting, the line that says so, and the command that fixes it."""

import json
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from settings.introspection import Path

PROJECT = "atlas"
HIDDEN = "<hidden>"
NOTHING = object()
"""Found: nothing, or what must not be shown."""
ASK = object()
"""Mend: a value that only the stack's owner knows; the command asks for it."""

_PLAIN_KEY = re.compile("[A-Za-z_][A-Za-z0-9_-]*")
_MAX_KEY_LENGTH = 64
_MAX_VALUE_LENGTH = 200
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#@\s]*)(.*)", re.DOTALL)
_TOKEN = re.compile("(?=[A-Za-z_+=-]*[0-9])(?=[0-9_+=-]*[A-Za-z])[A-Za-z0-9_+=-]{20,}")
"""Letters and digits mixed at length: no name looks like that, and every key does."""
_DIGEST = re.compile(r"[^@\s]+@sha256:[^@\s]*")


class ConfigIssue(NamedTuple):
    """What is wrong, before it is known which command fixes it.

    ``key`` is a dotted path, or its parts where one of them is a name that the user chose. ``fix`` is a value that is accepted;
    ``remove`` says that it has to go.
    """

    key: str | Path
    what: str
    expected: str
    found: Any = NOTHING
    fix: Any = None
    remove: bool = False

    @property
    def path(self) -> Path:
        return tuple(self.key.split(".")) if isinstance(self.key, str) else self.key


@dataclass(frozen=True, kw_only=True)
class Issue:
    """``found`` is any value; what may be a secret in it is not shown."""

    path: Path
    what: str
    found: Any = NOTHING
    expected: str
    fix: str

    def line(self, stack: str, hidden: Collection[str]) -> str:
        """``<stack>: <key>: <what is wrong>, found <value>, expected <what>; fix: <command>``, without what is ``hidden``."""
        found = "" if self.found is NOTHING else f", found {display_value(self.found, hidden)}"
        wanted = self.expected if self.expected.startswith("did you mean") else f"expected {self.expected}"
        return f"{stack}: {format_path(self.path)}: {self.what}{found}, {wanted}; fix: {self.fix}"


def display_value(value: Any, hidden: Collection[str] = ()) -> str:
    """``value`` on one line, as far as it cannot be a secret: no credentials, paths or queries of URLs, nothing like a token."""
    if isinstance(value, dict) or (isinstance(value, str) and value.startswith("{")):
        return "a mapping"
    if isinstance(value, list) or (isinstance(value, str) and value.startswith("[")):
        return "a list" if value else "an empty list"
    if not isinstance(value, str):
        text = json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
        return text if len(text) < _MAX_KEY_LENGTH else f"a number of {len(text)} digits"
    if (
        len(value) > _MAX_VALUE_LENGTH
        or "\n" in value
        or "-----BEGIN" in value
        or _TOKEN.search(_without_digest(value))
    ):
        return f"a text of {len(value)} characters"
    if any(secret in value for secret in hidden):
        return HIDDEN
    if url := _URL.fullmatch(value):
        scheme, host, rest = url.groups()
        value = scheme + (HIDDEN if "@" in value else host + (rest if rest in ("", "/") else "/" + HIDDEN))
    elif "@" in value and not _DIGEST.fullmatch(value):
        return HIDDEN
    return json.dumps(value)


def _without_digest(value: str) -> str:
    return value.partition("@sha256:")[0]


def format_path(path: Path) -> str:
    """The key as people write it, ``loki.retention`` or ``platform.markets[0]``, with what is unusual escaped."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step.replace(":", "_")) and len(step) <= _MAX_KEY_LENGTH:
            text += f".{step}"
        else:
            cut = step[:_MAX_KEY_LENGTH] + ("…" if len(step) > _MAX_KEY_LENGTH else "")
            text += f"[{json.dumps(cut)}]"
    return text.removeprefix(".")


def set_command(stack: str, path: Path, value: Any = ASK, *, secret: bool = False, over_text: bool = False) -> str:
    """The command that sets it; the CLI itself asks for a secret, and for a value that is not given.

    ``over_text`` says that a text is there now: the CLI keeps its quotes, so that no number or truth value can take its place.
    """
    if not _is_typable(path):
        return f"remove it from Pulumi.{stack}.yaml"
    command = ["pulumi config set"]
    nested = len(path) > 1
    command += ["--secret"] if secret else []
    command += ["--path"] if nested else []
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    if nested and isinstance(value, float):
        command.append("--type float")
    command.append(_key(path))
    if value is not ASK and not secret:
        command.append(shlex.quote(value if isinstance(value, str) else json.dumps(value)))
    setting = " ".join([*command, "--stack", stack])
    if over_text and isinstance(value, int | float):
        return f"{remove_command(stack, path)} && {setting}"
    return setting


def remove_command(stack: str, path: Path, *, whole: bool = False) -> str:
    """The command that takes it out of the stack's file, or where no shell can be trusted with the key, what to do instead.

    ``whole`` says that the key has a prefix already.
    """
    if not _is_typable(path):
        return f"remove it from Pulumi.{stack}.yaml"
    key = shlex.quote(str(path[0])) if whole else _key(path)
    return " ".join(["pulumi config rm", *(["--path"] if len(path) > 1 else []), key, "--stack", stack])


def _is_typable(path: Path) -> bool:
    return all(isinstance(step, int) or (step.isprintable() and len(step) <= _MAX_KEY_LENGTH) for step in path)


def _key(path: Path) -> str:
    first, *rest = path
    text = f"{PROJECT}:{first}"
    for step in rest:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}"
        else:
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
    return shlex.quote(text)
