"""The node agent is killed again and again: every line arrives, and the drills see an agent that loses some."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.data.numbered_lines import each_once, write_numbered
from tests.data.overlays import upstream_agent
from tests.data.stack_traces import PYTHON
from tests.support.agent_process import UPSTREAM_FLAGS, Agent, ContainerLog, GatewayStub
from tests.support.tool_process import running
from tests.support.waiting import settle, wait_until


def _drill(folder: Path, variant: Callable[[dict[str, Any]], None] | None = None) -> tuple[Counter[str], int]:
    """Kill the agent three times while no gateway takes anything and lines are written; what arrived, and how many were written."""
    gateway = GatewayStub()
    agent = Agent(folder, gateway.endpoint, variant=variant)
    log, number = ContainerLog(agent.pods), 0
    agent.start()
    try:
        for turn in range(3):
            for _ in range(4):
                write_numbered(log, number, 100)
                number += 100
                time.sleep(0.3)
            if turn == 1:
                log.rotate()
            agent.stop(signal.SIGKILL)
            write_numbered(log, number, 50)
            number += 50
            agent.start()
        gateway.up()
        settle(gateway.bodies, lambda found: len(found) >= number)
    finally:
        agent.stop()
        gateway.down()
    return gateway.bodies(), number


def test_every_line_arrives_once_when_the_agent_is_killed_while_no_gateway_answers(tmp_path: Path) -> None:
    found, written = _drill(tmp_path)
    assert found == each_once(written)


def test_the_drill_sees_what_an_agent_without_checkpoints_does(tmp_path: Path) -> None:
    found, written = _drill(tmp_path, lambda config: config["receivers"]["pod_logs"].pop("storage"))
    assert max(found.values()) > 1
    assert set(found) == set(each_once(written))


def test_the_drill_sees_what_a_queue_in_memory_does(tmp_path: Path) -> None:
    found, written = _drill(
        tmp_path, lambda config: config["exporters"]["otlp_grpc/logs"]["sending_queue"].pop("storage")
    )
    assert set(each_once(written)) - set(found)


SWEEP = [0.8 + turn * 0.05 for turn in range(10)]
"""Seconds from the agent's start to its end, over all moments of its polling, which is each half a second."""
SOON_AFTER_A_POLL = [0.94 + turn * 0.02 for turn in range(15)]
"""Within the tenth of a second in which the lines of a poll are only in the agent's memory, whenever it noted its start."""


def _under_load(
    folder: Path, lives: list[float] = SWEEP, text: str | None = None, flags: Sequence[str] = ()
) -> tuple[Counter[str], int, int]:
    """Kill the agent after each of these times; what arrived, what was written, and the largest request."""
    gateway = GatewayStub()
    gateway.up()
    agent = Agent(folder, gateway.endpoint, text=text, flags=flags)
    log, ended, number = ContainerLog(agent.pods), threading.Event(), [0]

    def write() -> None:
        while not ended.wait(0.01):
            write_numbered(log, number[0], 1)
            number[0] += 1

    writer = threading.Thread(target=write)
    agent.start()
    writer.start()
    try:
        for seconds in lives:
            time.sleep(seconds)
            agent.stop(signal.SIGKILL)
            agent.start()
        ended.set()
        writer.join()
        settle(gateway.bodies, lambda found: len(found) >= number[0])
    finally:
        ended.set()
        agent.stop()
        gateway.down()
    return gateway.bodies(), number[0], gateway.largest


@pytest.mark.parametrize("upstream", [False, True], ids=["ours", "upstream"])
def test_nothing_is_lost_and_little_doubled_when_the_agent_is_killed_under_load(tmp_path: Path, upstream: bool) -> None:
    text, flags = (upstream_agent(), UPSTREAM_FLAGS) if upstream else (None, [])
    found, written, largest = _under_load(tmp_path, text=text, flags=flags)
    assert set(found) == set(each_once(written))
    # What was on its way or not yet checkpointed may come again: four requests, and the lines of one poll.
    assert sum(found.values()) - written <= len(SWEEP) * (4 * largest + 100)


def test_our_agent_goes_on_where_the_upstream_one_was(tmp_path: Path) -> None:
    gateway = GatewayStub()
    gateway.up()
    upstream = Agent(tmp_path, gateway.endpoint, text=upstream_agent(), flags=UPSTREAM_FLAGS)
    log = ContainerLog(upstream.pods)
    write_numbered(log, 0, 300)
    with running(upstream):
        wait_until(lambda: len(gateway.bodies()) >= 300, 20, "the lines of before")
    write_numbered(log, 300, 100)
    with running(Agent(tmp_path, gateway.endpoint)):
        settle(gateway.bodies, lambda found: len(found) >= 400)
    gateway.down()
    assert gateway.bodies() == each_once(400)


def test_without_its_flag_the_upstream_agent_would_lose_lines(tmp_path: Path) -> None:
    """Ours needs none."""
    found, written, _ = _under_load(tmp_path, SOON_AFTER_A_POLL, text=upstream_agent())
    assert set(each_once(written)) - set(found)


def test_a_stack_trace_that_waits_for_its_next_line_outlives_a_kill(tmp_path: Path) -> None:
    """The upstream agent has it in memory, behind its checkpoint."""
    gateway = GatewayStub()
    gateway.up()
    agent = Agent(tmp_path, gateway.endpoint)
    log = ContainerLog(agent.pods)
    first, *rest = PYTHON.split("\n")
    agent.start()
    try:
        log.write("before", first, *rest[:1], stream="stderr")
        wait_until(lambda: "before" in gateway.bodies(), 10, "the line before the trace")
        agent.stop(signal.SIGKILL)
        log.write(*rest[1:], "after", stream="stderr")
        agent.start()
        settle(gateway.bodies, lambda found: "after" in found)
    finally:
        agent.stop()
        gateway.down()
    assert set(gateway.bodies()) == {"before", PYTHON, "after"}
