"""F3: agent and gateways are asked to stop while no store answers, one after the other as an update rolls them."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.negative_controls import queue_in_memory
from tests.faults.pipeline import Pipeline, Variant, flowing
from tests.faults.report import Report
from tests.support.tool_process import running

RATE = 1000
AWAY = 1.0
"""Seconds that a pod needs to come again."""
FLUSH_LINES = 100
"""Lines that the agent sends at once at this rate, half of which is by files: those of its exporter's 0.2 s."""


def drill(folder: Path, rounds: int, variant: Variant | None = None) -> Report:
    report = Report("F3 stopped")
    took: dict[str, list[float]] = {"gateway": [], "agent": []}
    with (
        flowing(Pipeline(folder, gateways=2, gateway_variant=variant)) as pipeline,
        running(pipeline.load(RATE)) as load,
    ):
        time.sleep(2)
        pipeline.set_stores("refusing")
        time.sleep(2)
        for _ in range(rounds):
            for kind, process in (*(("gateway", gateway) for gateway in pipeline.gateways), ("agent", pipeline.agent)):
                took[kind].append(process.stop(within=pipeline.grace[kind] + 5))
                time.sleep(AWAY)
                process.start()
        time.sleep(2)
        pipeline.set_stores("up")
        time.sleep(2)
        load.stop()
        lost = pipeline.settle(load)
        report.tell("acknowledged", load.acknowledged)
        report.judge("lost", lost, 0)
        # Mostly none. A request under way from the agent when either side stops may be sent again.
        report.judge("doubled", pipeline.doubled(), FLUSH_LINES * rounds * 3)
        for kind, seconds in took.items():
            report.judge(f"{kind} ended after", max(seconds), pipeline.grace[kind], " s")
    return report


def test_nothing_is_lost_by_a_rolling_restart(tmp_path: Path, full: bool, passes: Callable[[Report], None]) -> None:
    passes(drill(tmp_path, 20 if full else 1))


def test_the_drill_sees_a_queue_in_memory(tmp_path: Path) -> None:
    assert "lost" in drill(tmp_path, 1, queue_in_memory).missed
