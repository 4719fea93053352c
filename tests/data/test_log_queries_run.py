"""Each log query finds in VictoriaLogs what it means in LogQL, and in Loki where its program is; records go through the gateway."""

import itertools
import random
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from catalog.collector_config import merge_configs
from catalog.log_queries import Count, Lines, LogQueryError, parse_log_query
from catalog.log_stores import data_sources_for
from catalog.logsql import LEVELS, to_logsql
from components.collector import gateway_configs, log_bounds
from settings.model import Settings
from tests.data.test_contract_values import LOG_QUESTIONS
from tests.support.collector_process import Gateway, key_values, logs, value
from tests.support.http_json import request
from tests.support.log_store import LogStoreClient
from tests.support.logql_reference import Entry, passes, sums
from tests.support.loki_process import CONFIG as LOKI
from tests.support.loki_process import Loki
from tests.support.panels import ROOT, targets
from tests.support.promql import filled
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

NOW = time.time_ns()
NOBODY = "http://127.0.0.1:9"
SERVICES = ("api", "workers", "ops-bot", "a.b")
LINES = (
    "order refused",
    "a.b",
    "axb",
    'it says "no" and C:\\temp',
    "two\nlines",
    "Kill Switch engaged",
    "kill-switch",
    "level=warn (x) [y] {z} 100% $5 ^ | + *?",
    "größe und Ähnliches",
    "AMQP connection lost",
)
SEVERITIES: tuple[tuple[str, int, str], ...] = (
    ("INFO", 9, "info"),
    ("", 17, "error"),
    ("warning", 13, "warn"),
    ("ERROR", 17, "error"),
    ("", 0, "unknown"),
    ("FATAL", 21, "fatal"),
    ("critical", 0, "critical"),
    ("", 6, "debug"),
)
"""Text and number, as a sender gives them, and the level that Loki detects."""
TRACES = ("", secrets.token_hex(16), secrets.token_hex(16))


def corpus() -> Iterator[tuple[dict[str, Any], dict[str, Any], Entry]]:
    """A resource, a record of it, and how Loki shows it: every line with each of the other parts in turn."""
    parts = zip(
        LINES * 12,
        itertools.cycle(SERVICES),
        itertools.cycle(SEVERITIES),
        itertools.cycle(TRACES),
        itertools.cycle(("api-0", "api-1", "", "workers.7", "x")),
        strict=False,
    )
    for number, (line, service, (text, severity, level), trace, pod) in enumerate(parts):
        resource = {"service.name": service, "k8s.namespace.name": "trading"} | ({"k8s.pod.name": pod} if pod else {})
        own = {"number": str(number), "request_id": f"r-{number % 7}"}
        own |= {"exception.type": "ValueError"} if number % 5 == 0 else {}
        record = {
            "body": value(line),
            "timeUnixNano": str(NOW - number * 10**6),
            "severityText": text,
            "severityNumber": severity,
            "attributes": key_values(own),
        } | ({"traceId": trace, "spanId": "1" * 16} if trace else {})
        labels = {key.replace(".", "_"): each for key, each in (resource | own).items()}
        labels |= {"deployment_environment_name": "local", "trace_id": trace, "detected_level": level}
        yield resource, record, Entry(labels, line)


CORPUS = list(corpus())
ENTRIES = [entry for _, _, entry in CORPUS]


def settings(store: str) -> Settings:
    return Settings.model_validate(
        {
            "cluster": {"context": "any", "apiServer": "127.0.0.1/32"},
            "grafana": {"url": "http://localhost:3000"},
            "logs": {"backend": store},
        }
    )


@pytest.fixture(scope="module", params=["victorialogs", "loki"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStoreClient]:
    """The store with the records of the corpus, each sent through the gateway that goes with it."""
    name: Any = request.param
    if name == "loki" and shutil.which("loki") is None:
        pytest.skip("no loki on PATH: it is not built here")
    folder = tmp_path_factory.mktemp(name)
    store = Loki(folder / "store", LOKI.read_text()) if name == "loki" else VictoriaLogs(folder / "store")
    files = {path.name: path.read_text() for path in (ROOT / "config/collector").glob("*.yaml")}
    text = merge_configs(gateway_configs(settings(name), files, set()))
    otlp = f"{store.url}/otlp" if isinstance(store, Loki) else store.otlp_url
    gateway = Gateway(
        folder / "gateway",
        {"logs": otlp, "traces": NOBODY, "metrics": NOBODY},
        text=text,
        environment=log_bounds(settings(name)),
    )
    with running(store), running(gateway):
        for resource, record, _ in CORPUS:
            # With the id of another pod nothing is added of the one that sends it.
            assert gateway.send("logs", logs([record], **resource, **{"k8s.pod.uid": "unknown"})) == 200
        made = LogStoreClient(name, lambda path, query: _ask(store.url + path, query))
        everything = '{service_name=~".+"}'
        wait_until(lambda: len(made.lines(everything)) >= len(CORPUS), 60, "every record")
        yield made


def _ask(url: str, query: Mapping[str, str]) -> Any:
    return request(url, query=query, timeout=30)


def found(client: LogStoreClient, query: str) -> list[int]:
    return sorted(int(labels["number"]) for labels, _ in client.lines(query))


def meant(query: Lines) -> list[int]:
    return [number for number, entry in enumerate(ENTRIES) if passes(query, entry)]


def test_a_record_is_shown_as_loki_shows_it(client: LogStoreClient) -> None:
    shown = {int(labels["number"]): (labels, line) for labels, line in client.lines('{service_name=~".+"}')}
    assert shown.keys() == set(range(len(ENTRIES)))
    for number, entry in enumerate(ENTRIES):
        labels, line = shown[number]
        assert line == entry.line
        assert {label: labels.get(label, "") for label in entry.labels} == entry.labels


def test_records_come_newest_first(client: LogStoreClient) -> None:
    numbers = [int(labels["number"]) for labels, _ in client.lines('{service_name=~".+"}')]
    assert numbers == sorted(numbers)
    assert [int(labels["number"]) for labels, _ in client.lines('{service_name=~".+"}', limit=5)] == numbers[:5]


def random_queries(seed: int, count: int) -> Iterator[str]:
    """Queries of the whole of our part of LogQL, over what the corpus has and what it has not."""
    chosen = random.Random(seed)  # noqa: S311 - the same queries each time
    labels: Mapping[str, list[str]] = {
        "service_name": [*SERVICES, "none", "api|workers", "a.b", ".+", "op.*"],
        "deployment_environment_name": ["local", "prod", "l.*", ""],
        "request_id": ["r-1", "r-2", "r-[1-3]", "1", ""],
        "trace_id": [*TRACES, ".+", ".*"],
        "k8s_pod_name": ["api-0", "api", "api-.", "workers.7", ""],
        "exception_type": ["ValueError", "Value", ".*Error", ""],
        "nowhere": ["", "x", ".*", ".+"],
        "detected_level": [*LEVELS, "unknown", "error|fatal|critical", "warn.*", "info|unknown"],
    }
    texts = [*LINES, "a.b", "kill", "Kill", '"no"', "\\temp", "$5", "|", "ö", "none of them", "\n", "order", "^", "x)"]
    patterns = ["a.b", "(?i)kill.?switch", "^a", "b$", "order|AMQP", r"\d+%", r"\(x\)", "(?i)amqp", "ß", "none", r"\$5"]

    def matcher(label: str) -> str:
        operator = chosen.choice(["=", "!=", "=~", "!~"])
        # Loki reads an empty pattern as one that matches everything.
        values = [each for each in labels[label] if each or "~" not in operator]
        return f"{label}{operator}{quoted(chosen.choice(values))}"

    for _ in range(count):
        chosen_labels = chosen.sample(["service_name", "deployment_environment_name"], chosen.randint(0, 2))
        query = "{" + ", ".join(['service_name=~".+"', *map(matcher, chosen_labels)]) + "}"
        for _ in range(chosen.randint(0, 3)):
            if chosen.random() < 0.5:
                operator = chosen.choice(["|=", "!=", "|~", "!~"])
                query += f" {operator} {quoted(chosen.choice(patterns if '~' in operator else texts))}"
            else:
                query += f" | {matcher(chosen.choice(list(labels)))}"
        yield query


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def matches_no_level(query: str) -> bool:
    try:
        to_logsql(query)
    except LogQueryError as error:
        return "matches no level" in str(error)
    return False


def test_random_queries_find_what_they_mean(client: LogStoreClient) -> None:
    wrong = list[str]()
    asked, found_something = 0, 0
    for query in random_queries(seed=13, count=300):
        parsed = parse_log_query(query)
        assert isinstance(parsed, Lines)
        if client.store == "victorialogs" and matches_no_level(query):  # which only a translation can tell
            assert meant(parsed) == []
            continue
        answer = found(client, query)
        asked, found_something = asked + 1, found_something + bool(answer)
        if answer != meant(parsed):
            wrong.append(f"{query}\n  found {answer}\n  meant {meant(parsed)}")
    assert wrong == []
    assert asked > 250
    assert found_something > 100


QUERIES = sorted({filled(each.expr) for each in LOG_QUESTIONS if isinstance(parse_log_query(each.expr), Lines)})


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_repository_finds_what_it_means(client: LogStoreClient, query: str) -> None:
    for service in SERVICES:
        put_in = query.replace("<service>", service).replace("<product>", "order")
        parsed = parse_log_query(put_in)
        assert isinstance(parsed, Lines)
        assert found(client, put_in) == meant(parsed)


@pytest.mark.parametrize(
    "query",
    [
        'sum(count_over_time({service_name=~".+"}[30m]))',
        'sum by (service_name) (count_over_time({service_name=~".+"}[30m]))',
        'sum by (detected_level) (count_over_time({service_name=~".+"} |~ "a"[30m]))',
        'sum by (service_name, detected_level) (count_over_time({service_name=~".+"} | trace_id!=""[30m]))',
        'topk(3, sum by (k8s_pod_name) (count_over_time({service_name=~".+"} |= "a"[30m])))',
        'sum by (service_name) (rate({service_name=~".+"}[30m]))',
    ],
)
def test_a_query_that_counts_counts_what_it_means(client: LogStoreClient, query: str) -> None:
    parsed = parse_log_query(query)
    assert isinstance(parsed, Count)
    seconds = 1800 if parsed.function == "rate" else 1
    counted = {tuple(labels.get(label, "") for label in parsed.by): number for labels, number in client.counts(query)}
    expected = {key: number / seconds for key, number in sums(parsed, ENTRIES).items()}
    assert sorted(counted.values()) == pytest.approx(sorted(expected.values()))
    if parsed.top is None:  # else of those that are equal any may be left out
        assert counted == pytest.approx(expected)


DRAWN = list(targets("loki"))


@pytest.mark.parametrize("target", DRAWN, ids=[target.panel.name for target in DRAWN])
def test_a_panel_of_logs_is_answered(client: LogStoreClient, target: Any) -> None:
    now = time.time()
    shown = client.drawn(target.expr, now - 1800, now + 1, 15)
    query = parse_log_query(filled(target.expr))
    entries = [entry for entry in ENTRIES if passes(query.lines if isinstance(query, Count) else query, entry)]
    labels = query.by if isinstance(query, Count) else ("service_name",)
    assert entries
    if isinstance(query, Count):
        assert shown == len({tuple(entry.labels[label] for label in labels) for entry in entries})
    else:
        assert shown >= len({tuple(entry.labels[label] for label in labels) for entry in entries})


def test_a_span_leads_to_the_records_of_its_trace_and_a_record_back(client: LogStoreClient) -> None:
    text = data_sources_for((ROOT / "config/grafana/datasources.yaml").read_text(), client.store)
    sources = {each["uid"]: each["jsonData"] for each in yaml.safe_load(text)["datasources"]}
    link = sources["jaeger"]["tracesToLogsV2"]
    assert link["datasourceUid"] == client.store
    query = link["query"].replace("$$", "$").replace("${__trace.traceId}", TRACES[1])
    (field,) = sources[client.store]["derivedFields"]
    records = client.own_lines(query)
    assert sorted(int(labels["number"]) for labels, _ in records) == [
        number for number, entry in enumerate(ENTRIES) if entry.labels["trace_id"] == TRACES[1]
    ]
    assert {labels[field["matcherRegex"]] for labels, _ in records} == {TRACES[1]}
