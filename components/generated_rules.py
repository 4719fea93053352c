"""The rule file that the program itself writes: what was deployed, as series that the other rules join with."""

from collections.abc import Iterator
from typing import Any

import yaml

from components.inventory import expected_targets
from components.platform_services import DEPLOYMENTS, SERVICES, is_public
from settings.model import Settings
from settings.units import format_number


def generate_rules(settings: Settings) -> str:
    """One group of constant series for each thing that the other rules ask about.

    ``atlas:limit:<name>`` is a deployed limit. ``atlas:expected{service}`` marks the workloads that must be scraped,
    ``atlas:public{service}`` the platform's services that people or clients use. ``atlas:slo:objective{slo}`` is the share of
    requests to the service of that name that must not fail.

    Where ``platform.enabled`` is false, somebody else may run the platform here: the last two are the same.
    """
    groups = {
        "atlas_limits": [
            _constant(f"atlas:limit:{name}", value) for name, value in settings.limits.model_dump().items()
        ],
        "atlas_expected": [_constant("atlas:expected", service=service) for service in expected_targets(settings)],
        "atlas_public": [
            _constant("atlas:public", service=service)
            for service in DEPLOYMENTS
            if is_public(service, settings.platform)
        ],
        "atlas_objectives": [_constant("atlas:slo:objective", slo, slo=service) for service, slo in _objectives()],
    }
    document = {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}
    return yaml.safe_dump(document, sort_keys=False)


def _constant(series: str, value: float = 1, **labels: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"record": series, "expr": f"vector({format_number(value)})"}
    return rule | ({"labels": labels} if labels else {})


def _objectives() -> Iterator[tuple[str, float]]:
    for service in DEPLOYMENTS:
        if (slo := SERVICES[service].slo) is not None:
            yield service, slo
