"""The part of LogQL that the project writes: what is in it, what is not, and the LogsQL that it becomes."""

import re
import subprocess
import sys

import pytest
import yaml

from catalog.log_queries import Count, LineFilter, Lines, LogQueryError, Matcher, parse_log_query
from catalog.logsql import DOTTED_FIELDS, LEVELS, field_of, labels_of, legend_of, level_of, to_logsql
from tests.support.panels import ROOT

API = Matcher("service_name", "=", "api")
LEVEL = "(?i)^(error|err|fatal|critical)[2-4]?$"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ('{service_name="api"}', Lines((API,))),
        ("{ service_name = `api` }", Lines((API,))),
        (
            '{service_name="api", k8s_namespace_name!~"a|b"}\n  |= "a\\"b\\\\" != `c\\d` |~ "(?i)e.f" !~ "g" | request_id!="1"',
            Lines(
                (API, Matcher("k8s_namespace_name", "!~", "a|b")),
                (
                    LineFilter("|=", 'a"b\\'),
                    LineFilter("!=", r"c\d"),
                    LineFilter("|~", "(?i)e.f"),
                    LineFilter("!~", "g"),
                    Matcher("request_id", "!=", "1"),
                ),
            ),
        ),
        (
            'sum by (service_name, detected_level) (rate({service_name="api"} [$__auto]))',
            Count("rate", Lines((API,)), "$__auto", ("service_name", "detected_level")),
        ),
        ('sum(count_over_time({service_name="api"}[1h30m]))', Count("count_over_time", Lines((API,)), "1h30m")),
        (
            'topk(5, sum by (service_name) (rate({service_name="api"} |= "x"[5m])))',
            Count("rate", Lines((API,), (LineFilter("|=", "x"),)), "5m", ("service_name",), 5),
        ),
        ('{service_name="\\x61\\u0062\\n"}', Lines((Matcher("service_name", "=", "ab\n"),))),
    ],
)
def test_a_query_is_read(text: str, query: object) -> None:
    assert parse_log_query(text) == query


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: 'the end' in place of a selector in braces, or sum or topk"),
        ('{service_name="api"', "1:20: 'the end' in place of '}'"),
        ('{service_name="api"} error', "1:22: 'error' after the query"),
        ('{service_name="api"} | json', "1:28: 'the end' after the label json"),
        ('{service_name="api"}\n  | line_format "{{.x}}"', "2:17: '\"{{.x}}\"' after the label line_format"),
        ('{service_name="api"} | status > 400', "1:31: unexpected '>'"),
        ('{service_name="api"} | a="1" or b="2"', "1:30: 'or' after the query"),
        ('{service_name="api"} |= `a', "1:25: unexpected '`'"),
        ('{service_name="api"} |= "a\\d"', "1:25: unknown escape '\\\\d'"),
        ('{service_name=~"api|("}', "1:16: no pattern: missing ), unterminated subpattern at position 4"),
        ('{service_name=~".*"}', "1:1: Loki refuses a selector that every stream may pass"),
        ('{service_name=~"$service"}', "1:1: Loki refuses a selector that every stream may pass"),
        ('{service_name!="api"}', "1:1: Loki refuses a selector that every stream may pass"),
        ('{k8s_node_name="node-1"}', "1:2: k8s_node_name is no label of a stream"),
        ("{}", "1:2: '}' in place of a label"),
        ('rate({service_name="api"}[5m])', "1:1: unknown function 'rate'"),
        ('sum(bytes_rate({service_name="api"}[5m]))', "1:5: unknown function 'bytes_rate'"),
        ('sum(rate({service_name="api"}))', "1:30: ')' in place of a range such as [5m]"),
        ('sum(rate({service_name="api"}[5 minutes]))', "1:30: unexpected '['"),
        ('topk(5, rate({service_name="api"}[5m]))', "1:9: 'rate' in topk"),
        ('sum(rate({service_name="api"}[5m])) > 1', "1:37: unexpected '>'"),
        ('{service_name="api"} | detected_level="fatl"', 'detected_level="fatl" matches no level'),
    ],
)
def test_what_is_not_in_it_is_refused_with_its_position(text: str, fault: str) -> None:
    with pytest.raises(LogQueryError) as refused:
        to_logsql(text)
    what, _, fix = str(refused.value).partition("; fix: ")
    assert what.startswith(fault)
    assert fix


@pytest.mark.parametrize(
    ("logql", "logsql"),
    [
        ('{service_name="api"}', '{service.name="api"}'),
        (
            '{service_name=~".+", service_name=~"$service", deployment_environment_name=~"$environment"}',
            '{service.name=~".+", service.name=~"$service", deployment.environment.name=~"$environment"}',
        ),
        ('{service_name="api"} |= "a.b" != "(c)"', '{service.name="api"} *"a.b"* !*"(c)"*'),
        ('{service_name="api"} |~ "(?i)a.b" !~ "c"', '{service.name="api"} ~"(?i)a.b" !~"c"'),
        ('{service_name="api"} | trace_id="1" | user_id!=""', '{service.name="api"} trace_id:="1" !user_id:=""'),
        ('{service_name="api"} | k8s_node_name=~"a|b"', '{service.name="api"} k8s.node.name:~"^(?:a|b)$"'),
        ('{service_name="api"} | k8s_node_name!~"a|b"', '{service.name="api"} !k8s.node.name:~"^(?:a|b)$"'),
        ('{k8s_pod_name="api-0"} | k8s_container_name!~"a|b"', '{k8s.pod.name="api-0"} {k8s.container.name!~"a|b"}'),
        ('{service_name="api"} | service_name!="b"', '{service.name="api"} {service.name!="b"}'),
        ('{service_name="api"} | in="b"', '{service.name="api"} "in":="b"'),
        (
            '{service_name="api"} | detected_level=~"error|fatal|critical"',
            f'{{service.name="api"}} severity_text:~"{LEVEL}"',
        ),
        (
            '{service_name="api"} | detected_level!~"error|fatal|critical"',
            '{service.name="api"} !severity_text:~"' + LEVEL + '"',
        ),
        ('{service_name="api"} | detected_level=~".*"', '{service.name="api"}'),
        (
            'sum(count_over_time({service_name="api"}[1h]))',
            '_time:1h {service.name="api"} | stats count() as lines',
        ),
        (
            'topk(5, sum by (service_name, user_id) (rate({service_name="api"}[1h])))',
            '_time:1h {service.name="api"} | stats by (service.name, user_id) rate() as lines | sort by (lines) desc | limit 5',
        ),
        (
            'sum by (service_name) (rate({service_name="api"}[$__auto]))',
            '{service.name="api"} | stats by (service.name) rate() as lines',
        ),
    ],
)
def test_a_query_is_translated(logql: str, logsql: str) -> None:
    assert to_logsql(logql) == logsql


def test_a_legend_is_translated() -> None:
    assert legend_of("{{service_name}} {{ request_id }}") == "{{service.name}} {{request_id}}"


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        ("INFO", "info"),
        ("Error2", "error"),
        ("WARNING", "warn"),
        ("Unspecified", "unknown"),
        ("", "unknown"),
        ("errors", "unknown"),
    ],
)
def test_a_severity_has_a_level(severity: str, level: str) -> None:
    assert level_of(severity) == level
    assert level in {*LEVELS, "unknown"}


def test_a_record_has_the_labels_that_loki_would_show() -> None:
    record = {
        "_msg": "a",
        "_time": "b",
        "_stream": "c",
        "service.name": "api",
        "request_id": "1",
        "severity_text": "WARN",
    }
    expected = {"service_name": "api", "request_id": "1", "severity_text": "WARN", "detected_level": "warn"}
    assert labels_of(record) == expected


OF_THE_GATEWAY = ("atlas.agent", "atlas.workload", "atlas.text.")
"""Attributes that are gone when a record leaves."""


def test_every_attribute_with_dots_that_the_collectors_write_into_logs_is_in_the_table() -> None:
    """Else a query for it would ask VictoriaLogs for a field with underscores, which no record has."""
    named = set[str]()
    for name in ("agent.yaml", "agent-upstream.yaml", "gateway.yaml", "gateway-upstream.yaml"):
        text = (ROOT / "config/collector" / name).read_text()
        processors = yaml.safe_load(text)["processors"]
        statements = str([each.get("log_statements") for each in processors.values()])
        named |= set(re.findall(r"""(?:resource|log)\.attributes\["([\w.]+)"\]""", statements))
        named |= {each["key"] for part in processors.values() for each in part.get("attributes", ()) if "key" in each}
        named |= set(re.findall(r'"([a-z]\w*(?:\.\w+)+)"', statements))
        extracted = [part["extract"]["metadata"] for part in processors.values() if "extract" in part]
        named |= {each for names in extracted for each in names}
    components = ROOT / "images/collector/components"
    sources = [*components.glob("podlogs/*.go"), components / "sanitizer/attributes.go"]
    for source in (path.read_text() for path in sources if not path.name.endswith("_test.go")):
        named |= set(re.findall(r'"((?:atlas|exception|k8s|log|service)(?:\.[a-z_0-9]+)+)"', source))
    dotted = {each for each in named if "." in each and not each.startswith(OF_THE_GATEWAY)}
    assert dotted >= {"service.name", "k8s.pod.name", "exception.type"}
    assert dotted - set(DOTTED_FIELDS) == set()
    assert {field_of(each.replace(".", "_")) for each in DOTTED_FIELDS} == set(DOTTED_FIELDS)


def test_the_translation_of_a_query_can_be_asked_for() -> None:
    command = [sys.executable, "-m", "catalog.translate", '{service_name="api"}']
    assert (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == '{service.name="api"}\n'
    )
    wrong = subprocess.run([*command[:3], "{"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr[:4]) == (1, "1:2:")
