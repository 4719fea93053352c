"""The contract as for the values of labels: what a matcher asks for is a value that the label can have.

An alert on ``up{service="tempo"}`` names a series and a label that exist, and never fires.
"""

import re
from collections.abc import Iterator, Mapping

import pytest

from catalog.log_stores import LogStore, data_sources_for
from components.platform_services import SERVICES
from tests.data.label_values import (
    Values,
    alternatives,
    label_values,
    log_field_values,
    log_values,
    recorded_values,
    wrong_values,
)
from tests.data.program_names import derived
from tests.data.test_contract import EMITTED, QUESTIONS, Asked
from tests.data.test_runbooks import PAGES, blocks
from tests.support.panels import ROOT, targets
from tests.support.promql import Matcher, filled, log_grouping, log_matchers, logsql_matchers, selectors

LINK = re.compile(r"query: '(\{.*)'$", re.MULTILINE)
GRAFANA_VALUE = re.compile(r"\$\$\{__[\w.]+\}")


def log_questions(store: LogStore) -> Iterator[Asked]:
    """What is asked of a log store, in its own language."""
    for target in targets(store, store):
        yield Asked(target.panel.name, target.expr, target.legend)
    for page in PAGES:
        for query in blocks(page.text, "logql" if store == "loki" else "logsql"):
            yield Asked(f"{page.alert}.md", query)
    sources = data_sources_for((ROOT / "config/grafana/datasources.yaml").read_text(), store)
    for link in LINK.findall(sources):
        yield Asked("datasources.yaml", GRAFANA_VALUE.sub("0af7", link))


LOG_QUESTIONS = list(log_questions("loki"))
LOGSQL_QUESTIONS = list(log_questions("victorialogs"))


def known_values(series: str) -> Mapping[str, Values]:
    """The labels of an emitted or recorded series, with their values."""
    return label_values().get(series) or {
        label: values for label, values in recorded_values().items() if label in EMITTED[series]
    }


def wrong_in_metrics(question: Asked) -> Iterator[str]:
    """Who asks for a value that is not there, for which, and in which expression."""
    for selector in selectors(filled(question.expr)):
        names = [name for name in EMITTED if re.fullmatch(selector.name, name)]
        known = [known_values(name) for name in names]
        for matcher in selector.matchers:
            for fault in wrong_values(matcher, known):
                yield f"{question.by}: {selector.name}: {fault}, in {_line(question.expr)}"


def wrong_in_logs(question: Asked) -> Iterator[str]:
    yield from _wrong_in_logs(question, log_matchers(filled(question.expr)), log_values())


def wrong_in_logsql(question: Asked) -> Iterator[str]:
    yield from _wrong_in_logs(question, logsql_matchers(filled(question.expr)), log_field_values())


def _wrong_in_logs(question: Asked, matchers: list[Matcher], known: Mapping[str, Values]) -> Iterator[str]:
    for matcher in matchers:
        for fault in wrong_values(matcher, [known]):
            yield f"{question.by}: {fault}, in {_line(question.expr)}"
    named = log_grouping(question.expr)
    for label in sorted(named - known.keys()):
        yield f"{question.by}: no line has {label}, in {_line(question.expr)}"
    for label in re.findall(r"\{\{\s*([\w.]+)\s*\}\}", question.legend):
        if label not in named:
            yield f"{question.by}: the legend names {label}, by which nothing is counted in {_line(question.expr)}"


def _line(expression: str) -> str:
    return " ".join(expression.split())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.by)
def test_the_values_that_are_asked_for_can_be_there(question: Asked) -> None:
    assert list(wrong_in_metrics(question)) == []


@pytest.mark.parametrize("question", LOG_QUESTIONS, ids=lambda question: question.by)
def test_the_values_that_are_asked_for_in_logs_can_be_there(question: Asked) -> None:
    assert list(wrong_in_logs(question)) == []


@pytest.mark.parametrize("question", LOGSQL_QUESTIONS, ids=lambda question: question.by)
def test_the_values_that_are_asked_for_in_victorialogs_can_be_there(question: Asked) -> None:
    assert list(wrong_in_logsql(question)) == []


def test_what_is_asked_in_one_language_is_asked_in_the_other() -> None:
    only_loki = {f"{page.alert}.md" for page in PAGES if page.alert.startswith("Loki")}
    only_victorialogs = {f"{page.alert}.md" for page in PAGES if page.alert.startswith("VictoriaLogs")}
    of_loki = [question.by for question in LOG_QUESTIONS if question.by not in only_loki]
    assert of_loki == [question.by for question in LOGSQL_QUESTIONS if question.by not in only_victorialogs]
    assert len(of_loki) > 15
    assert "datasources.yaml" in of_loki


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ('up{service="tempo"}', "up: service is never 'tempo'"),
        ('up{service=~"loki|tempo"}', "up: service is never 'tempo'"),
        ('up{service=~"loki|temp.*"}', "up: service is never 'temp.*'"),
        ('up{service!="tempo"}', "up: service is never 'tempo'"),
        ('up{job="probe"}', "up: job is never 'probe'"),
        ('up{namespace="trade"}', "up: namespace is never 'trade'"),
        ('up{environment="production"}', "up: environment is never 'production'"),
        ('redis_up{service="cache"}', "redis_up: service is never 'cache'"),
        ('http_requests_total{service=~"api|workers"}', "http_requests_total: service is never 'workers'"),
        ('http_requests_total{status=~"[67].."}', "http_requests_total: status is never '[67]..'"),
        ('http_requests_total{method="get"}', "http_requests_total: method is never 'get'"),
        ('probe_success{service="workers"}', "probe_success: service is never 'workers'"),
        ('atlas:expected{service="tempo"}', "atlas:expected: service is never 'tempo'"),
        ('atlas:slo:objective{slo="workers"}', "atlas:slo:objective: slo is never 'workers'"),
        ('atlas:slo:errors:ratio1h{slo="apii"}', "atlas:slo:errors:ratio1h: slo is never 'apii'"),
        ('atlas:public{service="tempo"}', "atlas:public: service is never 'tempo'"),
        ('ALERTS{alertname="WorkloadDwn"}', "ALERTS: alertname is never 'WorkloadDwn'"),
        ('ALERTS{alertname=~"KillSwitch.+|Loss.+"}', "ALERTS: alertname is never 'Loss.+'"),
        ('ALERTS{severity="error"}', "ALERTS: severity is never 'error'"),
        (
            'kube_deployment_spec_replicas{deployment="db"}',
            "kube_deployment_spec_replicas: deployment is never 'db'",
        ),
        (
            'kube_pod_container_resource_limits{container=~"otel-collector|agent"}',
            "kube_pod_container_resource_limits: container is never 'agent'",
        ),
        ('kube_pod_status_phase{phase="pending"}', "kube_pod_status_phase: phase is never 'pending'"),
        (
            'kube_node_status_condition{condition=~"(Memory|Disc|PID)Pressure"}',
            "kube_node_status_condition: condition is never 'DiscPressure'",
        ),
        (
            'k8s_volume_available_bytes{k8s_persistentvolumeclaim_name!~"prometheus-data-.*"}',
            "k8s_volume_available_bytes: k8s_persistentvolumeclaim_name is never 'prometheus-data-.*'",
        ),
        (
            'otelcol_exporter_queue_size{exporter="otlphttp/logs"}',
            "otelcol_exporter_queue_size: exporter is never 'otlphttp/logs'",
        ),
        (
            'otelcol_scraper_scraped_metric_points_total{scraper="network"}',
            "otelcol_scraper_scraped_metric_points_total: scraper is never 'network'",
        ),
        (
            '{__name__=~"otelcol_exporter_send_failed_spans(_total)?", service="tempo"}',
            "otelcol_exporter_send_failed_spans(_total)?: service is never 'tempo'",
        ),
        # A label without values in the table: whoever is the first to ask for one writes them down.
        ('redis_commands_total{cmd="get"}', "redis_commands_total: the table does not tell the values of cmd"),
    ],
)
def test_a_value_that_a_label_never_has_is_seen(expr: str, fault: str) -> None:
    assert list(wrong_in_metrics(Asked("seeded", expr))) == [f"seeded: {fault}, in {expr}"]


@pytest.mark.parametrize(
    "expr",
    [
        'up{service=~"$service", environment!=""}',
        'up{service=""}',
        'up{service=~"loki|prometheus|", pod="any-0"}',
        'k8s_volume_available_bytes{k8s_persistentvolumeclaim_name="<claim>"}',
        'http_requests_total{status=~"[45]..", route="/made/up"}',
        'label_replace(up, "cause", "memory", "", "")',
    ],
)
def test_a_value_that_can_be_there_or_that_nobody_lists_passes(expr: str) -> None:
    assert list(wrong_in_metrics(Asked("seeded", expr))) == []


def test_a_wrong_value_in_a_log_query_is_seen() -> None:
    query = '{service_name=~"workers|opsbot"} | detected_level=~"error|fatl" |= "level=warn"'
    assert [fault.partition(", in ")[0] for fault in wrong_in_logs(Asked("seeded", query))] == [
        "seeded: service_name is never 'opsbot'",
        "seeded: detected_level is never 'fatl'",
    ]


@pytest.mark.parametrize(
    ("query", "legend", "fault"),
    [
        ('{service.name="opsbot"}', "", "service.name is never 'opsbot'"),
        ('{service_name="api"}', "", "the table does not tell the values of service_name"),
        ('{service.name=~"api|opsbot"} ~"level=x"', "", "service.name is never 'opsbot'"),
        ('{service.name="api"} detected.level:="error"', "", "the table does not tell the values of detected.level"),
        ('{service.name="api"} !k8s.namespace.name:~"^(?:trading|trade)$"', "", "k8s.namespace.name is never 'trade'"),
        ('{service.name="api"} | stats by (service_name) rate() as lines', "", "no line has service_name"),
        (
            '{service.name="api"} | stats by (service.name) rate() as lines',
            "{{service_name}}",
            "the legend names service_name",
        ),
    ],
)
def test_a_wrong_field_or_value_in_a_query_of_victorialogs_is_seen(query: str, legend: str, fault: str) -> None:
    (found,) = wrong_in_logsql(Asked("seeded", query, legend))
    assert found.startswith(f"seeded: {fault}")


def test_a_wrong_label_by_which_lines_are_counted_is_seen() -> None:
    query = 'sum by (service) (rate({service_name="api"}[5m]))'
    assert list(wrong_in_logs(Asked("seeded", query))) == [f"seeded: no line has service, in {query}"]


@pytest.mark.parametrize(
    ("pattern", "choices"),
    [
        ("a", ["a"]),
        ("a|b|", ["a", "b", ""]),
        ("(Memory|Disk)Pressure", ["MemoryPressure", "DiskPressure"]),
        ("(a|b)-(c|d)", ["a-c", "a-d", "b-c", "b-d"]),
        (r"a\|b|c", [r"a\|b", "c"]),
        ("[a|b]c", ["[a|b]c"]),
        ("x(a|b)?", ["x(a|b)?"]),
        ("/api/streams(/.*)?", ["/api/streams(/.*)?"]),
    ],
)
def test_the_alternatives_of_a_pattern_are_found(pattern: str, choices: list[str]) -> None:
    assert alternatives(pattern) == choices


def test_the_program_gives_every_set_of_names() -> None:
    assert [name for name, values in derived().items() if not values] == []
    assert {"api", "node-agent", "kube-state-metrics", "rabbitmq", "grafana"} <= derived()["scraped_services"]
    assert {"kube-state-metrics", "probes"} <= derived()["jobs"] - {"services"}
    assert derived()["environments"] == {"local", "dev", "prod"}
    assert {"event-bus", *(name for name, entry in SERVICES.items() if entry.slo)} == derived()["objectives"]
