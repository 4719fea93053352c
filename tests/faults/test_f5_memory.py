"""F5: a store that hangs and ten times the load, in the memory that the program gives. The gateway refuses and lives."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.bounds import memory_of, missing_requirements
from tests.faults.counting import Sender
from tests.faults.negative_controls import no_memory_limiter
from tests.faults.pipeline import Load, Pipeline, Variant, flowing, taken_after
from tests.faults.rendered import workload
from tests.faults.report import Report
from tests.support.tool_process import running

pytestmark = pytest.mark.skipif(missing_requirements() is not None, reason=missing_requirements() or "")
TEN_TIMES = 10_000
"""Log records a second, of 4 KB each."""
MIB = 1 << 20
NORMAL = 60


def drill(folder: Path, memory: str, seconds: float, variant: Variant | None = None) -> Report:
    report, changes = Report("F5 memory"), {"collector": {"memory": memory}}
    size = workload("otel-collector", changes).memory
    with memory_of(size) as bound:
        pipeline = Pipeline(folder, changes=changes, gateway_variant=variant, through=bound.through)
        with flowing(pipeline):
            pipeline.set_stores("hanging")
            flood = _flood(pipeline.gateway.address)
            with running(flood):
                end = time.monotonic() + seconds
                while time.monotonic() < end and not bound.kills:
                    time.sleep(0.2)
            killed, resident = bound.kills, 0 if pipeline.gateway.ended else pipeline.gateway.memory("VmHWM")
            pipeline.set_stores("up")
            if killed:
                pipeline.gateway.start()
            normal = taken_after(pipeline.gateway.address, 2 * NORMAL)
            lost = pipeline.settle(flood, within=180)
    report.tell("memory limit", size / MIB, " MiB")
    report.tell("offered", flood.sent)
    report.tell("acknowledged", flood.acknowledged)
    report.tell("refused requests", sum(flood.answers().values()))
    report.tell("resident at its peak", resident / MIB, " MiB")
    report.judge("killed for want of memory", killed, 0)
    report.judge("lost", lost, 0)
    report.require("only 503 as refusal", set(flood.answers()) <= {"503"})
    report.judge("normal again after", normal, NORMAL, " s")
    return report


def _flood(address: str) -> Load:
    return Load([Sender("logs", address, "otlp-t", rate=TEN_TIMES, batch=100, padding=4000, connections=8, timeout=40)])


def test_a_hanging_store_and_ten_times_the_load_kill_no_gateway(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(drill(tmp_path, "2Gi" if full else "256Mi", 90 if full else 15))


def test_the_drill_sees_a_gateway_without_memory_limiter(tmp_path: Path) -> None:
    """It is flooded until it is killed: on a busy machine the load takes longer to fill the memory."""
    assert "killed for want of memory" in drill(tmp_path, "256Mi", 180, no_memory_limiter).missed
