"""In each environment, what its rules and dashboards name is emitted by what is deployed there, or declared to be elsewhere."""

from functools import cache

import pytest

from tests.data.test_contract import EMITTED, Asked, asked
from tests.support.emitted_series import EMITTERS
from tests.support.promql import filled, selectors
from tests.support.synthesis import Program, synthesise
from tests.support.variants import VARIANTS

# What an environment has from outside of this program, and whose panels are empty there because of it.
ELSEWHERE: dict[str, dict[str, str]] = {
    "prod": {
        "rabbitmq": "the broker outside, scraped at its own host",
        "jaeger": "the panels on the embedded store of traces; its rules are not deployed",
    },
    "operator": {
        "prometheus": "the operator's",
        "alertmanager": "the operator's",
        "kube-state-metrics": "comes with the operator's stack",
    },
    "stores": {"jaeger": "the panels on the embedded store of traces; its rules are not deployed"},
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
    """What the environment's own rules ask, and every dashboard."""
    shipped = {
        f"{each.inputs['metadata']['name'].removeprefix('atlas-').replace('-', '_')}.yaml"
        for each in program(variant).of_kind("PrometheusRule")
    }
    for each in program(variant).of_kind("ConfigMap"):
        if each.name == "prometheus-rules":
            shipped |= each.inputs["data"].keys()
    return [
        each
        for each in asked()
        if not each.by.partition(": ")[0].endswith(".yaml") or each.by.partition(": ")[0] in shipped
    ]


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


@pytest.mark.parametrize("variant", ["prod", "stores"])
def test_without_the_embedded_store_of_traces_no_rule_asks_for_it(variant: str) -> None:
    assert [by for by in unmet(variant)["jaeger"] if ".yaml: " in by] == []


def test_every_emitter_says_what_deploys_it() -> None:
    known = {each.name for variant in VARIANTS for each, _ in program(variant).pods()} | {"platform"}
    assert {emitter["deployed_by"] for emitter in EMITTERS.values()} <= known
