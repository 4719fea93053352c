"""In each environment, what its rules and dashboards name is emitted by what is deployed there, or declared to be elsewhere."""

import json
from collections.abc import Iterator
from functools import cache

import pytest

from tests.data.test_contract import EMITTED, Asked, asked, own_rules
from tests.support.emitted_series import EMITTERS
from tests.support.promql import filled, selectors
from tests.support.synthesis import Program, synthesise
from tests.support.variants import VARIANTS

# What an environment has from outside of this program, and whose panels are empty there because of it.
ELSEWHERE: dict[str, dict[str, str]] = {
    "prod": {
        "rabbitmq": "the broker outside, scraped at its own host",
    },
    "operator": {
        "prometheus": "the operator's",
        "alertmanager": "the operator's",
        "kube-state-metrics": "comes with the operator's stack",
    },
    "victorialogs": {"loki": "a page that names both stores of logs"},
}


@cache
def program(variant: str) -> Program:
    return synthesise(*VARIANTS[variant])


def emitters_of(series: str) -> set[str]:
    """Which workloads emit it."""
    found: set[str] = set()
    for emitter in EMITTERS.values():
        histograms = {
            f"{name}{suffix}" for name in emitter.get("histograms", {}) for suffix in ("_bucket", "_sum", "_count")
        }
        if series in {*emitter.get("series", {}), *histograms}:
            found.add(emitter["deployed_by"])
    return found


def questions(variant: str) -> list[Asked]:
    """What the environment's own rules ask, the pages of their alerts, and its dashboards."""
    shipped = {
        f"{each.inputs['metadata']['name'].removeprefix('atlas-').replace('-', '_')}.yaml"
        for each in program(variant).of_kind("PrometheusRule")
    }
    for each in program(variant).of_kind("ConfigMap"):
        if each.name == "prometheus-rules":
            shipped |= each.inputs["data"].keys()
    panels = set(_panels(variant))
    pages = {f"{rule['alert']}.md" for file, rule in own_rules() if "alert" in rule and file in shipped}

    def is_there(by: str) -> bool:
        file = by.partition(": ")[0]
        return file in shipped | pages if file.endswith((".yaml", ".md")) else by in panels

    return [each for each in asked() if is_there(each.by)]


def _panels(variant: str) -> Iterator[str]:
    """Who asks in the dashboards that ship: ``file: panel``, and annotations and variables alike."""
    for each in program(variant).of_kind("ConfigMap"):
        if "grafana_dashboard" in each.inputs["metadata"].get("labels", {}):
            for file, text in each.inputs["data"].items():
                dashboard = json.loads(text)
                yield from (f"{file}: {panel['title']}" for panel in dashboard["panels"])
                yield from (f"{file}: annotation {each['name']}" for each in dashboard["annotations"]["list"])
                yield from (f"{file}: variable {each['name']}" for each in dashboard["templating"]["list"])


def named(question: Asked) -> set[str]:
    return {selector.name for selector in selectors(filled(question.expr)) if not selector.by_pattern} & EMITTED.keys()


def unmet(variant: str) -> dict[str, set[str]]:
    """By workload that is not deployed, who asks for what it would emit."""
    running = {each.name for each, _ in program(variant).pods()} | {"platform"}
    missing: dict[str, set[str]] = {}
    for question in questions(variant):
        for series in named(question):
            emitters = emitters_of(series)
            if emitters and not emitters & running:
                for emitter in emitters:
                    missing.setdefault(emitter, set()).add(question.by)
    return missing


@pytest.mark.parametrize("variant", VARIANTS)
def test_whatever_is_asked_is_emitted_in_this_environment(variant: str) -> None:
    missing = unmet(variant)
    assert missing.keys() == ELSEWHERE.get(variant, {}).keys(), missing


@pytest.mark.parametrize(
    ("variant", "store"),
    [("prod", "jaeger"), ("stores", "jaeger"), ("dev", "victorialogs"), ("victorialogs", "loki")],
)
def test_without_a_store_no_rule_asks_for_it(variant: str, store: str) -> None:
    assert store not in {each.name for each, _ in program(variant).pods()}
    assert [by for by in unmet(variant).get(store, ()) if ".yaml: " in by] == []


def test_every_emitter_says_what_deploys_it() -> None:
    known = {each.name for variant in VARIANTS for each, _ in program(variant).pods()} | {"platform"}
    assert {emitter["deployed_by"] for emitter in EMITTERS.values()} <= known
