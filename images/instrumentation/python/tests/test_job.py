"""Jobs that are gone before they could be scraped: what a real Prometheus knows of two of them."""

import json
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Receiver, Start, free_port, is_open, wait_until

JOB = ("-m", "atlas_instrumentation.job", "--")


class Prometheus:
    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}/api/v1/otlp"
        self._query = f"http://127.0.0.1:{port}/api/v1/query"

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        with urllib.request.urlopen(f"{self._query}?{urllib.parse.urlencode({'query': query})}") as answer:
            result = json.load(answer)["data"]["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def number(self, query: str) -> float | None:
        return next((value for _, value in self.ask(query)), None)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    """The real one, taking OTLP as ours does."""
    port = free_port()
    config = tmp_path / "prometheus.yaml"
    config.write_text(
        "otlp:\n  translation_strategy: UnderscoreEscapingWithSuffixes\n  promote_resource_attributes: [service.name]\n"
    )
    server = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-otlp-receiver",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: is_open(port))
    yield Prometheus(port)
    server.terminate()
    server.wait()


def run(start: Start, prometheus: Prometheus, program: str):
    return start(
        program,
        wrapper=JOB,
        OTEL_SERVICE_NAME="backtester",
        OTEL_EXPORTER_OTLP_ENDPOINT=prometheus.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:9/v1/traces",
        OTEL_METRICS_EXPORTER="otlp",
    )


def test_two_runs_and_a_failed_one_are_counted_as_such(start: Start, prometheus: Prometheus, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    slow_job = "import os, time\nprint('at work')\ntime.sleep(5.2)\nwhile not os.path.exists({!r}): time.sleep(0.05)\n"
    held = run(start, prometheus, slow_job.format(str(seen)))
    wait_until(lambda: held.saying("at work"))
    assert wait_until(lambda: prometheus.number("sum(atlas_backtest_jobs_running)")) == 1
    assert prometheus.number("sum(atlas_backtest_jobs)") == 1
    assert prometheus.number("sum(atlas_backtest_jobs_completed_total)") == 0, (
        "there from the start, so that one is a step"
    )
    seen.touch()
    assert held.wait() == 0
    assert run(start, prometheus, "print('quick')\n").wait() == 0
    assert run(start, prometheus, "import sys\nsys.exit(5)\n").wait() == 5

    assert prometheus.number("sum(max_over_time(atlas_backtest_jobs_completed_total[1h]))") == 2
    assert prometheus.number("sum(max_over_time(atlas_backtest_jobs_failed_total[1h]))") == 1
    assert prometheus.number("sum(atlas_backtest_jobs_running)") == 0
    assert prometheus.number("sum(max_over_time(atlas_backtest_duration_seconds_count[1h]))") == 3
    buckets = "sum(max_over_time(atlas_backtest_duration_seconds_bucket{{le='{}'}}[1h]))"
    slow = f"{buckets.format('+Inf')} - {buckets.format('5')}"
    assert prometheus.number(slow) == 1
    services = {labels["service_name"] for labels, _ in prometheus.ask("atlas_backtest_jobs")}
    assert services == {"backtester"}


def test_the_jobs_end_is_the_runners_end(start: Start) -> None:
    assert start("import sys\nsys.exit(9)\n", wrapper=JOB).wait() == 9
    killed = start("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", wrapper=JOB)
    assert killed.wait() == -signal.SIGKILL


def test_a_signal_reaches_the_job(start: Start) -> None:
    program = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(6))\nprint('at work')\ntime.sleep(30)\n"
    host = start(program, wrapper=JOB)
    wait_until(lambda: host.saying("at work"))
    assert host.stop() == 6


def test_a_job_is_not_held_up_by_a_collector_that_is_not_there(start: Start) -> None:
    host = start("print('done')\n", wrapper=JOB, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert host.wait(40) == 0
    assert host.saying("done")


def test_a_command_that_is_not_there_is_one_sentence(start: Start, interpreter: Path) -> None:
    answer = subprocess.run(
        [interpreter, *JOB, "/no/such/command"],
        env={"OTEL_SERVICE_NAME": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 127
    assert "/no/such/command cannot be started: No such file or directory" in answer.stdout


def test_the_jobs_spans_are_children_of_the_runs(start: Start, receiver: Receiver) -> None:
    program = "from opentelemetry import trace\ntrace.get_tracer('t').start_span('inner').end()\n"
    host = start(program, wrapper=JOB, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert host.wait(40) == 0
    (root,), (inner,) = receiver.named("backtest job"), receiver.named("inner")
    assert inner.parent_span_id == root.span_id
    assert root.parent_span_id == b""
