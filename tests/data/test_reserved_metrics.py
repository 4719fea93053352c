"""What nobody may push follows from the rules: another rule needs no second edit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from catalog.reserved_metrics import agent_metrics, reserved_metrics, rule_expressions, series_names
from tests.support.emitted_series import EMITTERS, own_series
from tests.support.promql import selectors

RULES = [path.read_text() for path in sorted((Path(__file__).parents[2] / "rules").glob("*.yaml"))]


def _series(wanted: Callable[[Mapping[str, Any]], bool]) -> set[str]:
    return {series for emitter in EMITTERS.values() if wanted(emitter) for series in own_series(emitter)}


PUSHED = _series(lambda emitter: emitter["from"] == "otlp" and emitter["deployed_by"] == "platform")
"""By services. What the gateway itself makes does not come in by its receiver."""
OF_AGENTS = _series(lambda emitter: emitter["from"] == "agent")


@pytest.mark.parametrize("expression", sorted(set(rule_expressions(RULES))))
def test_the_names_in_a_rule_are_those_that_a_parser_finds(expression: str) -> None:
    assert series_names(expression) == {name for each in selectors(expression) for name in each.name.split("|")}


def test_whatever_a_rule_reads_is_reserved_unless_it_is_pushed() -> None:
    read = {
        name
        for expression in rule_expressions(RULES)
        for each in selectors(expression)
        for name in each.name.split("|")
    }
    reserved = set(reserved_metrics(RULES).split("|"))
    assert {"atlas_last_price", "atlas_kill_switch", "http_requests_total", "up"} <= reserved
    agents = set(agent_metrics(RULES).split("|"))
    assert reserved == {name for name in read if ":" not in name} - PUSHED - OF_AGENTS
    assert agents == read & OF_AGENTS


def test_another_rule_reserves_what_it_reads() -> None:
    rule = 'groups: [{name: a, rules: [{alert: A, expr: "rate(new_total{a=\\"b_total\\"}[5m]) > on (c) new_limit"}]}]'
    assert reserved_metrics([rule]) == "new_limit|new_total"
    assert reserved_metrics([rule.replace("new_", "atlas_backtest_")]) == ""
    assert agent_metrics([rule]) == ""
    assert agent_metrics([rule.replace("new_", "system_")]) == "system_limit|system_total"


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (a, b) (x{c="d{e}", f=~"g|h"}) / on () group_left () y offset 5m', {"x", "y"}),
        ("x unless on (a) y or vector(1) AND z", {"x", "y", "z"}),
        ("x # y\n> 1e3", {"x"}),
        ("histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m:30s] offset -1h))) == Inf", {"x_bucket"}),
        ("(x) >= bool y ^ z", {"x", "y", "z"}),
        ("a:b:c / (1 - x @ end())", {"a:b:c", "x"}),
        ('{__name__=~"a|b(_c|_d)?", e="f"} + {__name__="g"}', {"a", "b(_c|_d)?", "g"}),
        ('label_replace(x, "y", "$1", "z", "(.*)")', {"x"}),
    ],
)
def test_names_are_told_from_labels_words_and_texts(expression: str, names: set[str]) -> None:
    assert series_names(expression) == names
