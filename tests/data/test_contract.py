"""The contract between what asks and what answers: every series and label that a rule, a dashboard or a runbook names is emitted.

``emitted_series.yaml`` is the table of what is emitted; ``test_contract_live.py`` holds it against the real programs, and
``test_contract_values.py`` checks the values of labels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from catalog.log_stores import TITLES
from components.generated_rules import generate_rules
from components.inventory import workloads
from settings.model import Logs, Settings
from tests.data.result_labels import answer_to
from tests.data.test_runbooks import PAGES, blocks
from tests.support.emitted_series import TABLE, own_series
from tests.support.panels import DASHBOARDS, ROOT, targets
from tests.support.promql import filled, grouping_labels, made_labels, selectors

SETTINGS = Settings.model_validate(
    {
        "cluster": {"context": "any", "apiServer": "127.0.0.1/32"},
        "grafana": {"url": "http://localhost:3000"},
        "platform": {"enabled": True, "url": "http://localhost:3001"},
    }
)


def emitted() -> dict[str, set[str]]:
    """Every series that something emits, with its labels."""
    series: dict[str, set[str]] = {}
    for name, emitter in TABLE["emitters"].items():
        common = set(TABLE["common_labels"][emitter["from"]])
        for each, labels in own_series(emitter).items():
            assert each not in series, f"{each} is in the table twice, again under {name}"
            series[each] = labels | common
    generated = yaml.safe_load(generate_rules(SETTINGS))
    rules = [rule for group in generated["groups"] for rule in group["rules"]]
    series |= {rule["record"]: set(rule.get("labels", {})) for rule in rules}
    for _, rule in own_rules():
        if "record" in rule:
            labels = answer_to(rule["expr"], series).labels | set(rule.get("labels", {}))
            series[rule["record"]] = series.get(rule["record"], set()) | labels
    return series


def own_rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule of ours with the name of its file, in the order of evaluation."""
    for file in sorted((ROOT / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield file.name, rule


EMITTED = emitted()


@dataclass(frozen=True)
class Asked:
    """An expression, who asks it, and the labels by which its answer is named."""

    by: str
    expr: str
    legend: str = ""


def asked() -> Iterator[Asked]:
    for file, rule in own_rules():
        yield Asked(f"{file}: {rule.get('alert') or rule['record']}", rule["expr"])
    of_panels = [target for store in TITLES for target in targets("prometheus", store)]
    for target in {(each.panel.name, each.expr): each for each in of_panels}.values():
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
    # Every series has a name.
    labels = made_labels(expr) | {"__name__"}
    for selector in selectors(expr):
        names = (
            [each for each in EMITTED if re.fullmatch(selector.name, each)] if selector.by_pattern else [selector.name]
        )
        if not names or not EMITTED.keys() >= set(names):
            faults.append(f"{question.by}: nothing emits {selector.name}")
            continue
        # A list of names chooses each of them: none may be there for nothing.
        listed = selector.name.split("|") if selector.by_pattern and "(" not in selector.name else []
        faults += [
            f"{question.by}: nothing emits {each}"
            for each in listed
            if not any(re.fullmatch(each, name) for name in EMITTED)
        ]
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
    # A pattern asks for the names that it spells out; one that takes anything asks for none.
    named = {selector.name for question in QUESTIONS for selector in selectors(filled(question.expr))}
    spelt_out = [re.compile(name) for name in named if ".*" not in name]
    unused = [
        f"{emitter}: {series}"
        for emitter, content in TABLE["emitters"].items()
        for series in content["series"]
        if not any(name.fullmatch(series) for name in spelt_out)
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
        ('{__name__=~"redis_up|redis_downs|pg_up"}', "nothing emits redis_downs"),
        ("atlas:slo:errors:ratio2m", "nothing emits atlas:slo:errors:ratio2m"),
        ("atlas:expected{workload='api'}", "atlas:expected has no label workload"),
    ],
)
def test_a_series_or_label_that_nothing_emits_is_seen(expr: str, fault: str) -> None:
    assert unanswered(Asked("seeded", expr)) == [f"seeded: {fault}"]


def test_a_legend_by_a_label_that_nothing_has_is_seen() -> None:
    assert unanswered(Asked("seeded", "up", "{{pod}} {{node}}")) == ["seeded: nothing in it has the label node"]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.by)
def test_a_label_that_is_grouped_or_matched_by_is_on_what_it_groups(question: Asked) -> None:
    assert answer_to(filled(question.expr), EMITTED).faults == []


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("sum by (topic) (redis_up) or sum by (topic) (atlas_events_consumed_total)", "sum by (topic)"),
        ("redis_up unless on (topic) atlas_events_consumed_total", "unless left of on (topic)"),
        ("atlas_events_consumed_total unless on (topic) redis_up", "unless right of on (topic)"),
        ("sum by (service) (atlas_exposure) / on (product) atlas_last_price", "/ left of on (product)"),
        ('label_replace(redis_up, "which", "$1", "topic", "(.+)")', "label_replace from (topic)"),
        ("histogram_quantile(0.9, sum(rate(http_request_duration_seconds_bucket[5m])))", "histogram_quantile (le)"),
        ("max without (topic) (redis_up)", "max by (topic)"),
    ],
)
def test_a_label_that_is_only_elsewhere_in_the_expression_is_seen(expr: str, fault: str) -> None:
    assert answer_to(expr, EMITTED).faults == [f"{fault}: its input has no such label"]


ALERTS = [(file, rule) for file, rule in own_rules() if "alert" in rule]


@pytest.mark.parametrize(("file", "rule"), ALERTS, ids=[rule["alert"] for _, rule in ALERTS])
def test_an_alert_on_labels_of_its_text_has_them(file: str, rule: dict[str, Any]) -> None:
    """A ``{{ $labels.x }}`` whose label the expression drops would be empty in the message."""
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert named <= answer_to(rule["expr"], EMITTED).labels, file


@pytest.mark.parametrize(("file", "rule"), ALERTS, ids=[rule["alert"] for _, rule in ALERTS])
def test_a_runbook_silences_its_alert_by_labels_that_it_has(file: str, rule: dict[str, Any]) -> None:
    """A silence by a label that the alert lacks would silence nothing."""
    page = next(page for page in PAGES if page.alert == rule["alert"])
    command = re.search(r"amtool silence add alertname=\w+ (.*?)--duration", page.text)
    named = set(re.findall(r"(\w+)=", command[1])) if command else set[str]()
    assert named <= answer_to(rule["expr"], EMITTED).labels, file


@pytest.mark.parametrize(
    ("expr", "labels"),
    [
        ("absent(up{service='loki', job!='x'})", {"service"}),
        (
            "sum by (service) (rate(http_requests_total[5m])) / (sum by (service) (http_requests_total) > 0)",
            {"service"},
        ),
        ("redis_up / on (service) redis_memory_used_bytes", {"service"}),
        ("-min by (service) (atlas_daily_pnl) / on () group_left () atlas:limit:daily_max_loss", {"service"}),
        ("max by (topic) (atlas_events_consumed_total) unless on () vector(1)", {"topic"}),
        ("1 - sum by (service) (redis_up)", {"service"}),
        ("sum(redis_up) > 3", set()),
        ('label_replace(sum by (service) (redis_up), "which", "$1", "service", "(.+)")', {"service", "which"}),
        (
            "histogram_quantile(0.9, sum by (service, le) (rate(http_request_duration_seconds_bucket[5m])))",
            {"service"},
        ),
        ("topk(3, sum by (cmd) (redis_commands_total))", {"cmd"}),
        ("sum by (service) (redis_up) or max by (topic) (atlas_events_consumed_total)", {"service", "topic"}),
    ],
)
def test_the_labels_of_an_answer_are_those_that_prometheus_gives(expr: str, labels: set[str]) -> None:
    assert answer_to(expr, EMITTED).labels == labels


def test_every_emitter_is_something_that_is_deployed() -> None:
    logs = Logs(backend="victorialogs")
    names = {name for each in (SETTINGS, SETTINGS.model_copy(update={"logs": logs})) for _, name in workloads(each)}
    by = {name: emitter.get("deployed_by", "") for name, emitter in TABLE["emitters"].items()}
    assert {name: each for name, each in by.items() if each not in names | {"platform"}} == {}
