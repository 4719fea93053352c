"""Runs a job and tells how it went: ``python -m atlas_instrumentation.job [--name backtest] -- command …``.

A job's process is gone before anybody scrapes it, so its metrics are pushed by OTLP: zeros and one that runs when it begins, where
it stands each minute, and the outcome when it ends. They are those of this one run, under a ``service.instance.id`` of its own:
adding up each run's highest value gives what a long-lived process would have counted.

The exit code is the command's; a signal that ended it ends this process as well, and one that is meant for this process reaches it.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from types import FrameType

from opentelemetry import propagate, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Status, StatusCode

from atlas_instrumentation import settings
from atlas_instrumentation.lines import Lines
from atlas_instrumentation.tracing import by_http, endpoint, flush

BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds."""
EVERY_MILLISECONDS = 60_000
FLUSH_MILLISECONDS = 5000
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Figures:
    """The metrics of one run. ``name`` is the job's kind: ``backtest`` gives ``atlas_backtest_jobs`` and its like."""

    def __init__(self, name: str, reader: MetricReader | None) -> None:
        self._running = 0
        self._known = 0
        self._provider = MeterProvider(
            resource=Resource.create({"service.instance.id": os.environ.get("POD_NAME") or str(uuid.uuid4())}),
            metric_readers=[reader] if reader else [],
            views=[
                View(instrument_name=f"atlas_{name}_duration", aggregation=ExplicitBucketHistogramAggregation(BUCKETS))
            ],
        )
        meter = self._provider.get_meter("atlas_instrumentation.job")
        meter.create_observable_gauge(
            f"atlas_{name}_jobs", [self._observe("_known")], description="Jobs that there are."
        )
        meter.create_observable_gauge(
            f"atlas_{name}_jobs_running", [self._observe("_running")], description="Jobs that are at work."
        )
        self._completed = meter.create_counter(f"atlas_{name}_jobs_completed", description="Jobs that ended well.")
        self._failed = meter.create_counter(f"atlas_{name}_jobs_failed", description="Jobs that ended badly.")
        self._seconds = meter.create_histogram(f"atlas_{name}_duration", "s", "How long jobs ran.")

    def begin(self) -> None:
        self._known = self._running = 1
        self._completed.add(0)
        self._failed.add(0)
        self.push()

    def end(self, seconds: float, *, well: bool) -> None:
        self._running = 0
        (self._completed if well else self._failed).add(1)
        self._seconds.record(seconds)
        self.push()

    def push(self) -> None:
        """Send where it stands, if somebody takes it in time; the job does not wait any longer."""
        self._provider.force_flush(FLUSH_MILLISECONDS)

    def close(self) -> None:
        self._provider.shutdown(FLUSH_MILLISECONDS)

    def _observe(self, attribute: str) -> Callable[[CallbackOptions], list[Observation]]:
        def now(_: CallbackOptions) -> list[Observation]:
            return [Observation(getattr(self, attribute))]

        return now


def run(command: list[str], name: str) -> int:
    """The command's return code as ``subprocess`` gives it: negative for a signal."""
    lines = Lines(settings.read().service)
    figures = Figures(name, _reader())
    tracer = trace.get_tracer("atlas_instrumentation.job")
    with tracer.start_as_current_span(f"{name} job") as span:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        begun = time.monotonic()
        figures.begin()
        try:
            child = subprocess.Popen(
                command, env={**os.environ, **{key.upper(): value for key, value in carrier.items()}}
            )
        except OSError as error:
            code = 127 if isinstance(error, FileNotFoundError) else 126
            lines.write("error", "atlas_instrumentation.job", f"{command[0]} cannot be started: {error.strerror}")
        else:
            _forward(child)
            code = child.wait()
        span.set_attribute("process.exit.code", code)
        if code != 0:
            span.set_status(Status(StatusCode.ERROR, f"exit code {code}"))
    figures.end(time.monotonic() - begun, well=code == 0)
    figures.close()
    return code


def _reader() -> MetricReader | None:
    if not endpoint():
        return None
    return PeriodicExportingMetricReader(_exporter(), EVERY_MILLISECONDS, FLUSH_MILLISECONDS)


def _exporter() -> MetricExporter:
    if by_http():
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as Http

        return Http(timeout=FLUSH_MILLISECONDS // 1000)
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

    return Grpc(timeout=FLUSH_MILLISECONDS // 1000)


def _forward(child: "subprocess.Popen[bytes]") -> None:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        if child.poll() is None:
            child.send_signal(number)

    for number in FORWARDED:
        signal.signal(number, pass_on)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="atlas_instrumentation.job", description="Run a job and tell how it went.")
    parser.add_argument(
        "--name", default="backtest", help="the job's kind, in the names of its metrics (default: backtest)"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- command and its arguments")
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("a command is missing: python -m atlas_instrumentation.job -- command …")
    code = run(command, options.name)
    if code >= 0:
        return code
    # As the command ended, so does this process; the first one of a container is not killed by itself.
    with contextlib.suppress(OSError):  # some cannot be handled, and so need not
        signal.signal(-code, signal.SIG_DFL)
    sys.stdout.flush()
    flush()
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
