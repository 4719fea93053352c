"""Which licences may be used, and what a person read where no program could: ``policy.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from boolean.boolean import Expression
from license_expression import ExpressionError, ExpressionParseError, LicenseWithExceptionSymbol, get_spdx_licensing

from tools.licences.components import DEBIAN, IMAGE, Component

FILE = Path(__file__).with_name("policy.yaml")
UNKNOWN = "unknown"
_SPDX = get_spdx_licensing()


@dataclass(frozen=True)
class Policy:
    """The content of ``policy.yaml``."""

    document: Mapping[str, Any]

    @cached_property
    def read_by_hand(self) -> Mapping[str, str]:
        """The licence of components in which no program finds it, by the component's text."""
        return {name: entry["licence"] for name, entry in self.document["read_by_hand"].items()}

    def refusal(self, component: Component, licence: str) -> str | None:
        """Why this component must not be used, or None when it may be."""
        if licence == UNKNOWN:
            return "has no licence that is known; read it, and write it into tools/licences/policy.yaml"
        forbidden = [name for name in self.document["forbidden"] if name.lower() in licence.lower()]
        allowed = set(self.document["allowed"])
        exception = self.document["exceptions"].get(f"{component.kind} {component.name}")
        if exception and exception["licence"] == licence:
            return None
        if component.kind == IMAGE:
            allowed |= set(self.document["allowed_in_deployed_images"])
        if component.kind == DEBIAN:
            # Debian has its own names, and checks itself that a licence is free.
            return f"is under {licence}, which is forbidden ({', '.join(forbidden)})" if forbidden else None
        if _is_satisfied(licence, allowed):
            return None
        if forbidden:
            return f"is under {licence}, which is forbidden ({', '.join(forbidden)})"
        return f"is under {licence}, which tools/licences/policy.yaml does not allow"


def read_policy(file: Path = FILE) -> Policy:
    return Policy(yaml.safe_load(file.read_text()))


def normalize(expression: str) -> str | None:
    """An SPDX expression in its usual spelling, or None when it is none."""
    try:
        parsed = _SPDX.parse(expression, validate=True)
    except (ExpressionError, ExpressionParseError):
        return None
    return None if parsed is None else str(parsed)


def _is_satisfied(expression: str, allowed: set[str]) -> bool:
    """Whether allowed licences are enough for it: all of what ``AND`` joins, one of what ``OR`` joins."""
    try:
        parsed = _SPDX.parse(expression, validate=True)
    except (ExpressionError, ExpressionParseError):
        return False
    return parsed is not None and _holds(parsed, allowed)


def _holds(expression: Expression, allowed: set[str]) -> bool:
    if isinstance(expression, _SPDX.AND):
        return all(_holds(each, allowed) for each in expression.args)
    if isinstance(expression, _SPDX.OR):
        return any(_holds(each, allowed) for each in expression.args)
    if isinstance(expression, LicenseWithExceptionSymbol):  # an exception only permits more
        return str(expression) in allowed or str(expression.license_symbol) in allowed
    return str(expression) in allowed
