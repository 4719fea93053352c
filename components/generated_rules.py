"""The rule file that the program itself writes: what was deployed, as series that alerts compare with what is."""

from collections.abc import Iterable
from typing import Any

import yaml

from settings.model import Limits


def generate_rules(limits: Limits, expected_targets: Iterable[str]) -> str:
    """``atlas:limit:<name>`` for each deployed limit, and ``atlas:expected{service}`` for each workload that must be scraped."""
    bounds: list[dict[str, Any]] = [
        {"record": f"atlas:limit:{name}", "expr": f"vector({format_number(value)})"}
        for name, value in limits.model_dump().items()
    ]
    present: list[dict[str, Any]] = [
        {"record": "atlas:expected", "expr": "vector(1)", "labels": {"service": service}}
        for service in expected_targets
    ]
    groups = [{"name": "atlas_limits", "rules": bounds}, {"name": "atlas_expected", "rules": present}]
    return yaml.safe_dump({"groups": groups}, sort_keys=False)


def format_number(number: float) -> str:
    """A number as it was written, all its digits and no more: the alerts compare with it, and the workers stop at it."""
    return f"{number:.15g}"
