"""The rules that the program generates, together with those that join with them: no rule has to name a service."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.generated_rules import generate_rules
from components.platform_services import DEPLOYMENTS, SERVICES, ServiceSpec, is_public
from image_build.recipes import Recipe
from settings.model import Platform, Settings
from tests.data.promtool import promtool, said
from tests.data.test_contract import QUESTIONS, SETTINGS
from tests.support.promql import filled, selectors
from tests.support.synthesis import STACKS, synthesise

RULES = Path(__file__).parents[2] / "rules"
URL = "https://bot.example.com"


def with_platform(**platform: Any) -> Settings:
    base = SETTINGS.model_dump(by_alias=True, exclude_unset=True)
    return Settings.model_validate(base | {"platform": base["platform"] | platform})


def recorded(settings: Settings, series: str) -> dict[str, float]:
    """By its only label, the values of a generated series."""
    groups = yaml.safe_load(generate_rules(settings))["groups"]
    rules = [rule for group in groups for rule in group["rules"] if rule["record"] == series]
    return {
        next(iter(rule["labels"].values())): float(re.sub(r"vector\((.+)\)", r"\1", rule["expr"])) for rule in rules
    }


def test_each_entry_with_an_objective_has_its_series() -> None:
    assert recorded(SETTINGS, "atlas:slo:objective") == {name: each.slo for name, each in SERVICES.items() if each.slo}
    assert len(recorded(SETTINGS, "atlas:slo:objective")) >= 2


def test_a_service_is_public_by_a_setting_of_its_own_for_the_url_or_by_a_url() -> None:
    own = {name for name in DEPLOYMENTS if SERVICES[name].public_url_setting}
    assert recorded(SETTINGS, "atlas:public").keys() == own
    opened = with_platform(services={"ops-bot": {"url": URL}})
    assert recorded(opened, "atlas:public").keys() == own | {"ops-bot"}


def test_nobody_opens_a_service_without_a_port() -> None:
    platform = Platform.model_validate({"services": {name: {"url": URL} for name in SERVICES}})
    assert {name for name in SERVICES if not is_public(name, platform)} == {
        name for name, each in SERVICES.items() if each.port is None
    }


def test_a_platform_that_somebody_else_deploys_is_watched_as_well() -> None:
    elsewhere = with_platform(enabled=False)
    for series in ("atlas:slo:objective", "atlas:public"):
        assert recorded(elsewhere, series) == recorded(SETTINGS, series)


@pytest.mark.parametrize("slo", [0, 1, 99.9, -0.5])
def test_an_objective_that_is_no_share_is_refused(slo: float) -> None:
    with pytest.raises(ValueError, match="slo is a share between 0 and 1"):
        ServiceSpec(recipe=Recipe(framework="express", sources={}), port=1, slo=slo)


@pytest.mark.parametrize("stack", STACKS)
def test_promtool_accepts_the_generated_rules_without_a_warning(stack: str, tmp_path: Path) -> None:
    file = tmp_path / "deployed.yaml"
    file.write_text(synthesise(stack).one("ConfigMap", "prometheus-deployed").inputs["data"][file.name])
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert answer.returncode == 0, said(answer)


def prometheus_rules_test(*files: str, **test: Any) -> dict[str, Any]:
    return {"rule_files": list(files), "evaluation_interval": "1m", "tests": [{"interval": "1m", **test}]}


def series(text: str, values: str) -> dict[str, str]:
    return {"series": text, "values": values}


def firing(at: str, alerts: str, *samples: str) -> dict[str, Any]:
    expr = f'count by (alertname, service, slo, input) (ALERTS{{alertname=~"{alerts}", alertstate="firing"}})'
    return {"expr": expr, "eval_time": at, "exp_samples": [{"labels": each, "value": 1} for each in samples]}


INPUTS = [
    series('http_requests_total{service="api", status="200"}', "0+900x30"),
    series('http_requests_total{service="api", status="500"}', "0+100x30"),
    series('http_requests_total{service="ops-bot", status="500"}', "0+100x30"),
    series('probe_success{service="ops-ui", namespace="trading"}', "0 " * 31),
    series('probe_success{service="ops-bot", namespace="trading"}', "0 " * 31),
]
ALERTS = "ErrorBudgetBurnsFast|ServiceUnreachable|ProbeFailing|GeneratedRulesMissing"


def test_the_alerts_on_services_follow_from_the_generated_rules_from_the_first_evaluation_on(tmp_path: Path) -> None:
    """Nothing but what services emit is given: marks and objectives come from the program, in whatever order groups are run."""
    (tmp_path / "deployed.yaml").write_text(generate_rules(SETTINGS))
    expected = firing(
        "10m",
        ALERTS,
        '{alertname="ErrorBudgetBurnsFast", slo="api"}',
        '{alertname="ServiceUnreachable", service="ops-ui"}',
        '{alertname="ProbeFailing", service="ops-bot"}',
    )
    rules = [str(RULES / f"{name}.yaml") for name in ("slo", "probes", "targets")]
    for files in (("deployed.yaml", *rules), (*rules, "deployed.yaml")):
        test = prometheus_rules_test(*files, input_series=INPUTS, promql_expr_test=[firing("1m", ALERTS), expected])
        assert_passes(test, tmp_path)


def test_without_the_generated_rules_their_absence_is_told_before_a_budget_is_gone(tmp_path: Path) -> None:
    rules = [str(RULES / f"{name}.yaml") for name in ("slo", "probes", "targets")]
    missing = [
        f'{{alertname="GeneratedRulesMissing", input="{each}"}}'
        for each in sorted({rule["record"] for rule in generated_rules()} & joined_series())
    ]
    assert len(missing) >= 6
    probes = [f'{{alertname="ProbeFailing", service="{service}"}}' for service in ("ops-ui", "ops-bot")]
    test = prometheus_rules_test(
        *rules, input_series=INPUTS, promql_expr_test=[firing("4m", ALERTS), firing("6m", ALERTS, *missing, *probes)]
    )
    assert_passes(test, tmp_path)


def generated_rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(generate_rules(SETTINGS))["groups"]:
        yield from group["rules"]


def joined_series() -> set[str]:
    """Every series that a rule asks for."""
    asked = [question for question in QUESTIONS if ".yaml: " in question.by]
    return {selector.name for question in asked for selector in selectors(filled(question.expr))}


def assert_passes(test: dict[str, Any], folder: Path) -> None:
    file = folder / "test.yaml"
    file.write_text(json.dumps(test))
    answer = promtool("test", "rules", file)
    assert answer.returncode == 0, said(answer)


# Who owns what the rules and panels are about, and so is named: nobody else enforces the limits.
OWNERS = {"trading_safety.yaml": {"workers"}, "safety.json": {"workers"}}


def test_no_rule_or_panel_names_a_service_but_the_owner_of_what_it_is_about() -> None:
    """A route may be called like a service; every other label with such a value names one."""
    named: dict[str, set[str]] = {}
    for question in QUESTIONS:
        source = question.by.partition(": ")[0]
        matchers = [each for selector in selectors(filled(question.expr)) for each in selector.matchers]
        for value in (each.value for each in matchers if each.label != "route" and not source.endswith(".md")):
            if words := set(re.split(r"[^a-z-]+", value)) & SERVICES.keys():
                named.setdefault(source, set()).update(words)
    assert named == OWNERS
