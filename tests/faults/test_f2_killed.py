"""F2: agent and gateway are killed under load, and again while no store answers. Nothing is lost, little comes twice."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.counting import State
from tests.faults.negative_controls import no_checkpoints, queue_in_memory
from tests.faults.pipeline import WITH_VICTORIALOGS, Pipeline, flowing
from tests.faults.report import Report
from tests.support.tool_process import running

RATE = 1000
KILLS = 3
CONSUMERS = 4
STATES: tuple[State, State] = ("up", "refusing")
POLL_LINES = 600
"""Lines of one poll at this rate, with the poll's interval of 0.5 s and a fifth to spare: read, sent, and not yet checkpointed."""


def drill(pipeline: Pipeline, pause: float, name: str = "F2 killed") -> Report:
    report, ready = Report(name), list[float]()
    with flowing(pipeline), running(pipeline.load(RATE)) as load:
        time.sleep(2)
        largest = pipeline.largest
        for state in STATES:
            pipeline.set_stores(state)
            for _ in range(KILLS):
                for process in (pipeline.gateway, pipeline.agent):
                    time.sleep(pause)
                    process.stop(signal.SIGKILL)
                    time.sleep(0.5)
                    ready.append(process.start())
        time.sleep(pause)
        pipeline.set_stores("up")
        time.sleep(2)
        load.stop()
        lost = pipeline.settle(load)
        report.tell("acknowledged", load.acknowledged)
        report.tell("unanswered or refused requests", sum(load.answers().values()))
        report.judge("lost", lost, 0)
        # What was on its way to a store that answers may come again, of each consumer one request.
        bound = KILLS * (2 * CONSUMERS * largest + POLL_LINES)
        report.judge("doubled", pipeline.doubled(), bound)
        report.judge("ready after", max(ready), 5, " s")
    return report


def test_nothing_is_lost_and_little_doubled_by_kills(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(drill(Pipeline(tmp_path), 20 if full else 1.5))


def test_a_gateway_before_victorialogs_is_no_worse(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    """Its configuration has more processors, and a connector that counts."""
    pipeline = Pipeline(tmp_path, changes=WITH_VICTORIALOGS)
    passes(drill(pipeline, 20 if full else 1.5, "F2 killed before VictoriaLogs"))


def test_the_drill_sees_a_queue_in_memory(tmp_path: Path) -> None:
    assert "lost" in drill(Pipeline(tmp_path, gateway_variant=queue_in_memory), 1).missed


def test_the_drill_sees_an_agent_without_checkpoints(tmp_path: Path) -> None:
    assert "doubled" in drill(Pipeline(tmp_path, agent_variant=no_checkpoints), 1).missed
