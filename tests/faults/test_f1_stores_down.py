"""F1: all stores are out for a while. Nothing is lost, and what waited is delivered soon after."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.negative_controls import gives_up
from tests.faults.pipeline import Pipeline, Variant, flowing
from tests.faults.report import Report
from tests.support.tool_process import running

RATE = 1000


def drill(folder: Path, seconds: float, variant: Variant | None = None, patience: float = 90) -> Report:
    report = Report("F1 stores down")
    with flowing(Pipeline(folder, gateway_variant=variant)) as pipeline, running(pipeline.load(RATE)) as load:
        time.sleep(3)
        pipeline.set_stores("refusing")
        time.sleep(seconds)
        owed, waiting = load.owed(), pipeline.missing(load.owed())
        pipeline.set_stores("up")
        drained = pipeline.drained(owed, patience)
        time.sleep(3)
        load.stop()
        lost = pipeline.settle(load)
        report.tell("outage", seconds, " s")
        report.tell("acknowledged", load.acknowledged)
        report.tell("waiting at the end of the outage", waiting)
        report.judge("lost", lost, 0)
        report.judge("doubled", pipeline.doubled(), 0)
        report.judge("refused", load.sent - load.acknowledged, 0)
        report.judge("drained after", drained, 60, " s")
        report.judge("logs a second below the rate", RATE - load.logs_a_second, RATE * 0.05)
    return report


def test_nothing_is_lost_while_all_stores_are_out(tmp_path: Path, full: bool, passes: Callable[[Report], None]) -> None:
    passes(drill(tmp_path, 600 if full else 20))


def test_the_drill_sees_an_exporter_that_gives_up(tmp_path: Path) -> None:
    assert "lost" in drill(tmp_path, 10, gives_up, patience=5).missed
