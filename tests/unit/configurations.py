"""Configurations of the real stack files with some of it changed."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from settings.loader import Configuration
from tests.support import required_inputs
from tests.support.synthesis import stack_configuration


def configuration(
    stack: str = "dev",
    *,
    named: str | None = None,
    secret: Mapping[str, str | None] | None = None,
    foreign: frozenset[str] = frozenset(),
    also: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Configuration:
    """The configuration of a real stack file with what it asks of its user, changed.

    A mapping is merged into the one that is there; ``None`` removes a key. ``named`` is another name of the stack,
    ``also`` are changes of keys that are only known at run time.
    """
    values = {key.removeprefix("atlas:"): value for key, value in stack_configuration(stack).items()}
    hidden = {key.removeprefix("atlas:"): value for key, value in required_inputs.secret_settings(stack).items()}
    for key, value in (secret or {}).items():
        hidden.pop(key, None)
        if value is not None:
            hidden[key] = value
    for key, change in (changes | dict(also or {})).items():
        if change is None:
            values.pop(key, None)
        elif isinstance(change, dict):
            values[key] = json.dumps(merged(json.loads(values.get(key, "{}")), change))
        else:
            values[key] = change if isinstance(change, str) else json.dumps(change)
    return Configuration(stack=named or stack, values=values | hidden, secret=frozenset(hidden), foreign=foreign)


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``old`` with the keys of ``new`` in it, mapping by mapping; ``None`` removes."""
    return {key: value for key, value in both(old, new, merged).items() if value is not None}


def both(
    old: Mapping[str, Any], new: Mapping[str, Any], inside: Callable[[Any, Any], Any] | None = None
) -> dict[str, Any]:
    """The same with each ``None`` kept, so that it removes from what this is merged into."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        result[key] = (inside or both)(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
    return result


def password() -> str:
    return secrets.token_hex(24)
