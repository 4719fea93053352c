"""The node agent waits for gateways that are away, full or killed, and is asked to stop meanwhile."""

import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.data.numbered_lines import each_once, write_numbered
from tests.data.overlays import upstream_agent
from tests.data.stack_traces import PYTHON
from tests.support.agent_process import UPSTREAM_FLAGS, Agent, ContainerLog, GatewayStub
from tests.support.collector_process import Gateway, Sink
from tests.support.name_server import NameServer
from tests.support.tool_process import running
from tests.support.waiting import settle, wait_until


def test_an_agent_that_is_asked_to_stop_loses_nothing(tmp_path: Path) -> None:
    gateway = GatewayStub()
    agent = Agent(tmp_path, gateway.endpoint)
    log = ContainerLog(agent.pods)
    for turn in range(3):
        with running(agent):
            write_numbered(log, turn * 100, 100)
            log.write(*PYTHON.split("\n"))
            time.sleep(0.6)
    gateway.up()
    with running(agent):
        settle(gateway.bodies, lambda found: len(found) >= 301)
    gateway.down()
    assert gateway.bodies() == each_once(300) + Counter({PYTHON: 3})


def _narrow(config: dict[str, Any]) -> None:
    """A queue that a few thousand lines fill."""
    for exporter in config["exporters"].values():
        exporter["sending_queue"]["batch"] |= {"min_size": 100_000, "max_size": 500_000}


@pytest.mark.parametrize(
    ("upstream", "how", "lost"),
    [(False, signal.SIGKILL, 0), (False, signal.SIGTERM, 0), (True, signal.SIGKILL, 0), (True, signal.SIGTERM, 100)],
)
def test_a_full_queue_makes_the_agent_wait_and_nothing_is_lost_when_it_stops(
    tmp_path: Path, upstream: bool, how: signal.Signals, lost: int
) -> None:
    """Asked to stop while it waits, the upstream receiver gives up the batch in its hand: 100 lines a file at most."""
    gateway = GatewayStub()
    text, flags = (upstream_agent(), UPSTREAM_FLAGS) if upstream else (None, [])
    environment = {"QUEUE_BYTES": "1000000"}
    agent = Agent(tmp_path, gateway.endpoint, text=text, flags=flags, environment=environment, variant=_narrow)
    log, written = ContainerLog(agent.pods), 4000
    log.write(*(f"number {number} {'x' * 1000}" for number in range(written)))

    def found() -> set[str]:
        return {" ".join(body.split()[:2]) for body in gateway.bodies()}

    agent.start()
    try:
        wait_until(lambda: "enqueue_failed_log_records_total{" in agent.own_metrics(), 15, "the queue to be full")
        time.sleep(4)  # it tries again and again, and drops nothing
        assert gateway.records == []
        agent.stop(how)
        agent.start()
        gateway.up()
        settle(gateway.bodies, lambda found: len(found) >= written)
    finally:
        agent.stop()
        gateway.down()
    assert written - len(found()) <= lost


def test_the_gateways_share_the_agents_requests(tmp_path: Path) -> None:
    gateways = [GatewayStub(), GatewayStub()]
    for gateway in gateways:
        gateway.up()
    names = NameServer({"otel-collector.observability.svc": [gateway.address for gateway in gateways]})
    agent = Agent(tmp_path, f"dns://{names.address}/otel-collector.observability.svc:4317")
    log = ContainerLog(agent.pods)

    def taken() -> Counter[str]:
        return gateways[0].bodies() + gateways[1].bodies()

    with running(agent):
        for number in range(8):
            write_numbered(log, number, 1)
            wait_until(lambda: len(taken()) > number, 10, "the line")  # noqa: B023
        assert [gateway.requests for gateway in gateways] == [4, 4]
        gateways[0].down()
        for number in range(8, 16):
            write_numbered(log, number, 1)
            wait_until(lambda: len(taken()) > number, 15, "the line, by the other gateway")  # noqa: B023
    gateways[1].down()
    assert taken() == each_once(16)


def test_lines_pass_the_real_gateway_even_when_it_is_killed(tmp_path: Path) -> None:
    sink = Sink()
    gateway = Gateway(tmp_path / "gateway", sink)
    agent = Agent(tmp_path / "agent", f"dns:///{gateway.address}:4317")
    log = ContainerLog(agent.pods)

    def stored() -> Counter[str]:
        return Counter(item["body"].get("stringValue", "") for item in sink.records())

    with running(gateway), running(agent):
        for turn in range(3):
            write_numbered(log, turn * 200, 200)
            wait_until(lambda: len(stored()) >= 200 * turn, 20, "the lines before")  # noqa: B023
            gateway.stop(signal.SIGKILL)
            write_numbered(log, 600 + turn * 50, 50)
            time.sleep(0.7)
            gateway.start()
        wait_until(lambda: len(stored()) >= 750, 60, "all lines")
    assert set(stored()) == set(each_once(750))
    told = sink.resources("logs")[-1]
    assert (told["service.name"], told["k8s.pod.name"], told["deployment.environment.name"]) == (
        "api",
        log.pod,
        "local",
    )
