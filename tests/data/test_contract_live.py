"""The table of emitted series and the dashboards' log queries, held against the real programs.

The exporters and the platform's services are not asked here.
"""

import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.addresses import loopback
from tests.support.collector_process import Gateway, logs, span, traces
from tests.support.emitted_series import EMITTERS, own_series
from tests.support.http_json import read, request
from tests.support.loki_process import CONFIG as LOKI
from tests.support.loki_process import Loki, needs_loki
from tests.support.panels import ROOT, Target, targets
from tests.support.promql import filled
from tests.support.tool_process import ToolProcess, running, tool
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

LINE = re.compile(r"^(\w+)(?:\{(.*)\})? ", re.MULTILINE)
LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')
DAYS = 24 * 3600 * 10**9


def emitted(page: str) -> dict[str, set[str]]:
    """The series of a metrics page with their labels."""
    series: dict[str, set[str]] = {}
    for name, labels in LINE.findall(page):
        series.setdefault(name, set()).update(LABEL.findall(labels))
    return series


def missing(emitter: str, page: str) -> list[str]:
    """What the table says of an emitter and its page does not show."""
    series = emitted(page)
    table = own_series(EMITTERS[emitter])
    gone = [name for name in table if name not in series]
    return gone + [f"{name}{{{label}}}" for name in table.keys() - set(gone) for label in table[name] - series[name]]


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Loki as it ships, with one line taken and one refused for its age."""
    with running(Loki(tmp_path_factory.mktemp("loki") / "own", LOKI.read_text())) as started:
        wait_until(lambda: read(f"{started.url}/ready"), 60, "Loki")
        now = time.time_ns()
        assert push(started.url, now) == 204
        assert push(started.url, now - 30 * DAYS) == 400
        yield started.url


def push(loki: str, moment: int) -> int:
    record: dict[str, Any] = {"timeUnixNano": str(moment), "severityText": "ERROR", "body": {"stringValue": "a line"}}
    body = logs([record], **{"service.name": "api", "deployment.environment.name": "local"})
    return request(f"{loki}/otlp/v1/logs", body=body).status


@needs_loki
def test_loki_emits_what_the_table_says(loki: str) -> None:
    page = read(f"{loki}/metrics")
    assert missing("loki", page) + missing("write-ahead-logs", page) == []


LOG_QUERIES = list(targets("loki"))


@needs_loki
@pytest.mark.parametrize("target", LOG_QUERIES, ids=[target.panel.name for target in LOG_QUERIES])
def test_loki_answers_every_log_query_of_the_dashboards(loki: str, target: Target) -> None:
    answer = json.loads(read(f"{loki}/loki/api/v1/query_range", query=filled(target.expr), since="1h"))
    assert answer["status"] == "success"
    if "trace_id" not in target.expr:
        assert answer["data"]["result"], "it finds nothing of a line that it should find"


@needs_loki
def test_a_log_query_that_loki_does_not_take_is_seen(loki: str) -> None:
    for query in ('{service_name=~".*"}', '{service_name=~".+"} | detected_level=~"warn'):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            read(f"{loki}/loki/api/v1/query_range", query=query)


def test_victorialogs_emits_what_the_table_says(tmp_path: Path) -> None:
    with running(VictoriaLogs(tmp_path)) as store:
        assert store.insert(b"") == 200
        page = store.own_metrics()
    # Its rows are counted once there are some, by the kind of request.
    assert missing("victorialogs", page) == []


def test_prometheus_emits_what_the_table_says(tmp_path: Path) -> None:
    address = loopback()
    (tmp_path / "prometheus.yaml").write_text(
        yaml.safe_dump({"global": {"evaluation_interval": "1s"}, "rule_files": [str(ROOT / "rules/*.yaml")]})
    )
    url = f"http://{address}:9090"
    command = [
        tool("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}:9090",
    ]
    with running(ToolProcess(command, f"{url}/-/ready", tmp_path / "log", {})):
        # The first samples are those of the Watchdog.
        wait_until(lambda: "head_samples_appended" in read(f"{url}/metrics"), 90, "the rules' first evaluation")
        page = read(f"{url}/metrics")
        assert missing("prometheus", page) + missing("write-ahead-logs", page) == []


def test_the_collector_emits_what_the_table_says(tmp_path: Path) -> None:
    """One gateway whose stores refuse everything for good, and one whose queues are too small for anything."""

    def small(config: dict[str, Any]) -> None:
        for exporter in config["exporters"].values():
            exporter["sending_queue"] |= {
                "queue_size": 100,
                "batch": {"sizer": "bytes", "min_size": 10, "max_size": 50},
            }

    point = {"asInt": "1", "timeUnixNano": str(time.time_ns())}
    gauge = {"name": "a_gauge", "gauge": {"dataPoints": [point]}}
    forged = {"name": "up", "gauge": {"dataPoints": [point]}}
    metrics = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [*[gauge] * 50, forged]}]}]}
    sent = {"logs": logs(["x" * 1000]), "traces": traces([span("x" * 1000)]), "metrics": metrics}
    pages: list[str] = []
    with refusing_store() as store:
        stores = dict.fromkeys(sent, store)
        for name, gateway in (
            ("refused", Gateway(tmp_path / "refused", stores)),
            ("full", Gateway(tmp_path / "full", stores, variant=small)),
        ):
            with running(gateway):
                statuses = {gateway.send(signal, payload) for signal, payload in sent.items()}
                assert statuses == ({200} if name == "refused" else {503})
                word = "send_failed" if name == "refused" else "enqueue_failed"
                wait_until(lambda: gateway.own_metrics().count(f"\notelcol_exporter_{word}") >= len(sent), 20, word)  # noqa: B023
                pages.append(gateway.own_metrics())
    assert missing("otel-collector", "\n".join(pages)) == []


@contextmanager
def refusing_store() -> Iterator[str]:
    """The URL of a store that answers everything with 403: no use to try again."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: every answer is the same."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def test_a_series_or_label_that_is_not_on_the_page_is_seen() -> None:
    page = 'redis_up 1\nredis_db_keys{name="db0"} 2\n'
    found = missing("redis-exporter", page)
    assert "redis_memory_used_bytes" in found
    assert "redis_db_keys{db}" in found
    assert "redis_up" not in found
