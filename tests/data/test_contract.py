"""The contract between what asks and what answers: every series and label that a rule, a dashboard or a runbook names is emitted.

`emitted_series.yaml` is the table of what is emitted; `test_contract_live.py` holds it against the real programs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from panels import DASHBOARDS, ROOT, targets
from promql import filled, grouping_labels, made_labels, selectors
from test_runbooks import PAGES, blocks

from components.prometheus import limit_rules
from components.settings import Limits

SUFFIXES = ("_bucket", "_sum", "_count")


def emitted() -> dict[str, set[str]]:
    """Every series that something emits, with its labels."""
    table = yaml.safe_load((Path(__file__).parent / "emitted_series.yaml").read_text())
    series: dict[str, set[str]] = {}
    for name, emitter in table["emitters"].items():
        common = set(table["common_labels"][emitter["from"]])
        own = {each: set(labels) for each, labels in emitter["series"].items()}
        for each, labels in emitter.get("histograms", {}).items():
            own |= {each + suffix: set(labels) for suffix in SUFFIXES}
            own[f"{each}_bucket"].add("le")
        for each, labels in own.items():
            assert each not in series, f"{each} is in the table twice, again under {name}"
            series[each] = labels | common
    limits = yaml.safe_load(limit_rules(Limits()))
    return series | {rule["record"]: set[str]() for group in limits["groups"] for rule in group["rules"]}


EMITTED = emitted()


@dataclass(frozen=True)
class Asked:
    """An expression, who asks it, and the labels by which its answer is named."""

    by: str
    expr: str
    legend: str = ""


def asked() -> Iterator[Asked]:
    for file in sorted((ROOT / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield Asked(f"{file.name}: {rule.get('alert') or rule['record']}", rule["expr"])
    for target in targets("prometheus"):
        yield Asked(target.panel.name, target.expr, target.legend)
    for name, dashboard in DASHBOARDS.items():
        for annotation in dashboard["annotations"]["list"]:
            yield Asked(f"{name}: annotation {annotation['name']}", annotation["expr"])
        for variable in dashboard["templating"]["list"]:
            values = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert values, variable
            yield Asked(f"{name}: variable {variable['name']}", f"count by ({values[2]}) ({values[1]})")
    for page in PAGES:
        for query in blocks(page.text, "promql"):
            yield Asked(f"{page.alert}.md", query)


def unanswered(question: Asked) -> list[str]:
    """What an expression names and nothing emits."""
    expr = filled(question.expr)
    faults: list[str] = []
    labels = made_labels(expr)
    for selector in selectors(expr):
        names = (
            [each for each in EMITTED if re.fullmatch(selector.name, each)] if selector.by_pattern else [selector.name]
        )
        if not names or not EMITTED.keys() >= set(names):
            faults.append(f"{question.by}: nothing emits {selector.name}")
            continue
        known = set[str]().union(*(EMITTED[name] for name in names))
        faults += [f"{question.by}: {selector.name} has no label {label}" for label in sorted(selector.labels - known)]
        labels |= known
    named = grouping_labels(expr) | set(re.findall(r"\{\{\s*(\w+)\s*\}\}", question.legend))
    return faults + [f"{question.by}: nothing in it has the label {label}" for label in sorted(named - labels)]


QUESTIONS = list(asked())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.by)
def test_what_is_asked_is_emitted(question: Asked) -> None:
    assert unanswered(question) == []


def test_nothing_in_the_table_is_there_for_nobody() -> None:
    named = {selector.name for question in QUESTIONS for selector in selectors(filled(question.expr))}
    table = yaml.safe_load((Path(__file__).parent / "emitted_series.yaml").read_text())
    unused = [
        f"{emitter}: {series}"
        for emitter, content in table["emitters"].items()
        for series in content["series"]
        if series not in named
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("rate(http_request_total[5m])", "nothing emits http_request_total"),
        ("sum(rate(http_requests_total[5m])) / sum(rate(http_request_total[5m]))", "nothing emits http_request_total"),
        ('{__name__=~"atlas_account.*"}', "nothing emits atlas_account.*"),
        ('http_requests_total{status_code="200"}', "http_requests_total has no label status_code"),
        ("sum by (code) (rate(http_requests_total[5m]))", "nothing in it has the label code"),
        ("max_over_time(redis_memory_bytes[1h:1m] offset 5m)", "nothing emits redis_memory_bytes"),
        ("up / on (nowhere) up", "nothing in it has the label nowhere"),
        ("atlas:limit:max_open_order", "nothing emits atlas:limit:max_open_order"),
    ],
)
def test_a_series_or_label_that_nothing_emits_is_seen(expr: str, fault: str) -> None:
    assert unanswered(Asked("seeded", expr)) == [f"seeded: {fault}"]


def test_a_legend_by_a_label_that_nothing_has_is_seen() -> None:
    assert unanswered(Asked("seeded", "up", "{{pod}} {{node}}")) == ["seeded: nothing in it has the label node"]


@pytest.mark.parametrize(
    "question", [each for each in QUESTIONS if ".yaml: " in each.by], ids=lambda question: question.by
)
def test_an_alert_on_labels_of_its_text_has_them(question: Asked) -> None:
    """A `{{ $labels.x }}` whose label an aggregation drops would be empty in the message."""
    file, _, name = question.by.partition(": ")
    rule = next(
        rule
        for group in yaml.safe_load((ROOT / "rules" / file).read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert") == name
    )
    text = " ".join(rule["annotations"].values())
    named = set(re.findall(r"\$labels\.(\w+)", text))
    expr = question.expr
    by = grouping_labels(expr)
    has = (by if by else set().union(*(EMITTED[each.name] for each in selectors(expr)))) | made_labels(expr)
    assert named <= has
