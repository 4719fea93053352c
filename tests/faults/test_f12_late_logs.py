"""F12: a part of the logs' way is cut off for two hours, while other parts go on to write logs of the same service.

Loki refuses what is much older than the newest record of its stream. The store here does so by the rule that ``loki_model`` tells,
with the streams and times of the configuration that ships. In the short form the outage and Loki's times are shortened alike.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.counting import LokiStore, Sender, Store, Writer
from tests.faults.link import Link
from tests.faults.pipeline import NAME, PATHS, Load, agent_of, gateway_of
from tests.faults.rendered import workload
from tests.faults.report import Report
from tests.support.addresses import loopback
from tests.support.agent_process import ContainerLog
from tests.support.loki_model import LokiModel
from tests.support.name_server import NameServer
from tests.support.tool_process import running

OUTAGE, SHORT, SHORTEST = 7800, 20, 10
"""Seconds. The first is 130 minutes: of them Loki's own default loses 70, if another replica goes on in the same stream."""
RATE, SLOW = 50, 15
"""Lines a second of each replica, in the short form and in the full one, in which a million would wait."""
QUIET, PATIENCE = 150, 600
"""Seconds without a new record, and altogether, after which what is missing is lost: gRPC tries again after 144 at most."""


@dataclass
class Replicas:
    """Two replicas of a service on two nodes, and two gateways."""

    store: LokiStore
    load: Load
    node: list[Link]
    """Between the second node's agent and each gateway."""
    gateway: Link
    """Between the first gateway and the store of logs."""

    def missing(self) -> int:
        return self.store.missing(self.load.owed()["logs"])

    def settle(self) -> tuple[int, float]:
        """How many records never come, and the seconds until the last one came."""
        begun = since = time.monotonic()
        missing = self.missing()
        while (
            missing > self.store.model.refused.total()
            and time.monotonic() - since < QUIET
            and time.monotonic() - begun < PATIENCE
        ):
            time.sleep(0.5)
            if (left := self.missing()) < missing:
                missing, since = left, time.monotonic()
        return missing, since - begun


@contextmanager
def replicas_of(folder: Path, model: LokiModel, rate: float) -> Iterator[Replicas]:
    rendered, rendered_agent = workload("otel-collector"), workload("node-agent")
    logs, away = LokiStore(model), Store()
    to_logs = Link("127.0.0.1", 0, logs.address)
    with ExitStack() as stack:
        for each in (logs, away, to_logs):
            stack.callback(each.close)
        gateways = [
            gateway_of(
                rendered,
                folder / f"gateway-{ordinal}",
                {"logs": url, **dict.fromkeys(("traces", "metrics", "metrics_replica"), away.url)},
                ordinal=ordinal,
                paths=PATHS,
            )
            for ordinal, url in enumerate((to_logs.url, logs.url))
        ]
        links = [Link(loopback(), 4317, (gateway.address, 4317)) for gateway in gateways]
        for link in links:
            stack.callback(link.close)
        sources: list[Writer | Sender] = []
        agents = [
            agent_of(
                rendered_agent, folder / f"node-{number}", f"dns://{NameServer({NAME: found}).address}/{NAME}:4317"
            )
            for number, found in enumerate(([each.address for each in gateways], [each.address for each in links]))
        ]
        for number, agent in enumerate(agents):
            log = ContainerLog(agent.pods, pod=f"api-7d9c-replica{number}")
            sources.append(Writer(log, f"file-{number}", rate=rate, rotate=10_000))
        for number, gateway in enumerate(gateways):
            sources.append(Sender("logs", gateway.address, f"otlp-{number}", rate=rate, connections=1))
            stack.enter_context(running(gateway))
        for agent in agents:
            stack.enter_context(running(agent))
        load = Load(sources)
        stack.enter_context(running(load))
        yield Replicas(logs, load, links, to_logs)


def drill(
    folder: Path,
    seconds: float,
    part: Callable[[Replicas], list[Link]],
    model: LokiModel | None = None,
    rate: float = RATE,
) -> Report:
    """``part`` says which ways are cut."""
    report, taken = Report("F12 cut off"), model or LokiModel.as_shipped(shorter=OUTAGE / seconds)
    with replicas_of(folder, taken, rate) as replicas:
        time.sleep(3)
        for link in part(replicas):
            link.cut()
        time.sleep(seconds)
        waiting = replicas.missing()
        for link in part(replicas):
            link.mend()
        # The other replica goes on, and those that waited with it.
        time.sleep(5)
        replicas.load.stop()
        lost, last = replicas.settle()
        report.tell("outage", seconds, " s")
        report.tell("Loki takes records late by", taken.late, " s")
        report.tell("acknowledged", replicas.load.acknowledged)
        report.tell("waiting at the end of the outage", waiting)
        report.judge("lost", lost, 0)
        report.judge("refused by the store", taken.refused.total(), 0)
        # Of each consumer what was on its way when it was cut off, and had arrived unheard.
        report.judge("doubled", replicas.store.doubled(), 4 * rate)
        report.judge("the last came after", last, 60, " s")
        report.require("cut off", waiting > rate * seconds * 0.8)
    return report


def as_before(seconds: float, labels: tuple[str, ...] = ()) -> LokiModel:
    """Loki's own window of an hour, with a stream for each service and for each of what ``labels`` name."""
    model = LokiModel.as_shipped(shorter=OUTAGE / seconds)
    model.labels = ("service.name", "deployment.environment.name", "k8s.namespace.name", *labels)
    model.late = 3600 * seconds / OUTAGE
    return model


def node(replicas: Replicas) -> list[Link]:
    return replicas.node


def gateway(replicas: Replicas) -> list[Link]:
    """What waits in its queue is overtaken by later lines of the same pods, which another gateway has sent."""
    return [replicas.gateway]


def test_a_node_and_a_gateway_that_are_cut_off_for_two_hours_lose_nothing(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    seconds, rate = (OUTAGE, SLOW) if full else (SHORT, RATE)
    passes(drill(tmp_path, seconds, lambda replicas: [*node(replicas), *gateway(replicas)], rate=rate))


def test_the_drill_sees_a_stream_that_another_replica_closed(tmp_path: Path) -> None:
    assert "lost" in drill(tmp_path, SHORTEST, node, as_before(SHORTEST)).missed


def test_the_drill_sees_a_window_that_is_shorter_than_an_outage(tmp_path: Path) -> None:
    """Streams of pods alone do not help there."""
    model = as_before(SHORTEST, ("k8s.pod.name", "k8s.container.name"))
    assert "lost" in drill(tmp_path, SHORTEST, gateway, model).missed
