"""The contract as for the values of labels: what a matcher asks for is a value that the label can have.

An alert on ``up{service="tempo"}`` names a series and a label that exist, and never fires.
"""

import re
from collections.abc import Iterator, Mapping

import pytest

from components.platform_services import SERVICES
from tests.data.label_values import Values, alternatives, label_values, log_values, recorded_values, wrong_values
from tests.data.program_names import derived
from tests.data.test_contract import EMITTED, QUESTIONS, Asked
from tests.data.test_runbooks import PAGES, blocks
from tests.support.panels import targets
from tests.support.promql import filled, log_matchers, selectors

LOG_QUESTIONS = [
    *(Asked(target.panel.name, target.expr) for target in targets("loki")),
    *(Asked(f"{page.alert}.md", query) for page in PAGES for query in blocks(page.text, "logql")),
]


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
    for matcher in log_matchers(filled(question.expr)):
        for fault in wrong_values(matcher, [log_values()]):
            yield f"{question.by}: {fault}, in {_line(question.expr)}"


def _line(expression: str) -> str:
    return " ".join(expression.split())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.by)
def test_the_values_that_are_asked_for_can_be_there(question: Asked) -> None:
    assert list(wrong_in_metrics(question)) == []


@pytest.mark.parametrize("question", LOG_QUESTIONS, ids=lambda question: question.by)
def test_the_values_that_are_asked_for_in_logs_can_be_there(question: Asked) -> None:
    assert list(wrong_in_logs(question)) == []


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
