"""The rule file that the program itself writes: what was deployed, as series that alerts compare with what is."""

from typing import Any

import yaml

from components.inventory import expected_targets
from settings.model import Settings
from settings.units import format_number


def generate_rules(settings: Settings) -> str:
    """``atlas:limit:<name>`` for each deployed limit, and ``atlas:expected{service}`` for each workload that must be scraped."""
    bounds: list[dict[str, Any]] = [
        {"record": f"atlas:limit:{name}", "expr": f"vector({format_number(value)})"}
        for name, value in settings.limits.model_dump().items()
    ]
    present: list[dict[str, Any]] = [
        {"record": "atlas:expected", "expr": "vector(1)", "labels": {"service": service}}
        for service in expected_targets(settings)
    ]
    groups = [{"name": "atlas_limits", "rules": bounds}, {"name": "atlas_expected", "rules": present}]
    return yaml.safe_dump({"groups": groups}, sort_keys=False)
