"""F5: a store that hangs and ten times the load, in the memory that the program gives. The gateway refuses and lives."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.bounds import lacking, memory_of
from tests.faults.counting import Sender
from tests.faults.negative_controls import no_memory_limiter
from tests.faults.pipeline import Load, Pipeline, Variant, flowing, taken_after
from tests.faults.rendered import workload
from tests.faults.report import Verdict
from tests.support.tool_process import running

pytestmark = pytest.mark.skipif(lacking() is not None, reason=lacking() or "")
TEN_TIMES = 10_000
"""Log records a second, of 4 KB each."""
MIB = 1 << 20
NORMAL = 60


def drill(folder: Path, memory: str, seconds: float, variant: Variant | None = None) -> Verdict:
    verdict, changes = Verdict("F5 memory"), {"collector": {"memory": memory}}
    size = workload("otel-collector", changes).memory
    with memory_of(size) as bound:
        pipeline = Pipeline(folder, changes=changes, gateway_variant=variant, through=bound.through)
        with flowing(pipeline):
            pipeline.set_stores("hanging")
            flood = _flood(pipeline.gateway.address)
            with running(flood):
                time.sleep(seconds)
            killed, resident = bound.kills, 0 if pipeline.gateway.ended else pipeline.gateway.memory("VmHWM")
            pipeline.set_stores("up")
            if killed:
                pipeline.gateway.start()
            normal = taken_after(pipeline.gateway.address, 2 * NORMAL)
            lost = pipeline.settle(flood, within=180)
    verdict.tell("memory limit", size / MIB, " MiB")
    verdict.tell("offered", flood.sent)
    verdict.tell("acknowledged", flood.acknowledged)
    verdict.tell("refused requests", sum(flood.answers().values()))
    verdict.tell("resident at its peak", resident / MIB, " MiB")
    verdict.judge("killed for want of memory", killed, 0)
    verdict.judge("lost", lost, 0)
    verdict.require("only 503 as refusal", set(flood.answers()) <= {"503"})
    verdict.judge("normal again after", normal, NORMAL, " s")
    return verdict


def _flood(address: str) -> Load:
    return Load([Sender("logs", address, "otlp-t", rate=TEN_TIMES, batch=100, padding=4000, connections=8, timeout=40)])


def test_a_hanging_store_and_ten_times_the_load_kill_no_gateway(
    tmp_path: Path, full: bool, passes: Callable[[Verdict], None]
) -> None:
    passes(drill(tmp_path, "2Gi" if full else "256Mi", 90 if full else 15))


def test_the_drill_sees_a_gateway_without_memory_limiter(tmp_path: Path) -> None:
    assert "killed for want of memory" in drill(tmp_path, "256Mi", 15, no_memory_limiter).missed
