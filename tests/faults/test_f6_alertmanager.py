"""F6: one of three Alertmanagers is killed, then one is parted from the others. Everybody is told, at most once too often."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.namespaces import Network, inside, missing_requirements, network_of
from tests.faults.rendered import workload
from tests.faults.report import Report
from tests.support.alertmanager_process import Alertmanager, WebhookReceiver, labels
from tests.support.http_json import request
from tests.support.waiting import comes_true, wait_until

pytestmark = pytest.mark.skipif(missing_requirements() is not None, reason=missing_requirements() or "")
GIVEN = ("webhook-url", "deadman-url")
"""What production requires, and so what its configuration has here."""
PEER_TIMEOUT = 15
"""Alertmanager's default, in seconds: how long each waits for the one before it."""


class Cluster:
    """Production's Alertmanagers, each in a network of its own. The hub is where Prometheus and people are."""

    def __init__(self, folder: Path, network: Network, minute: float, *, gossiping: bool = True) -> None:
        rendered = workload("alertmanager")
        self.network, self.receiver = network, inside(network.hub, lambda: WebhookReceiver(network.hub_address))
        addresses = [network.address(number) for number in range(rendered.replicas)]

        def arguments(own: str) -> list[str]:
            kept = [word for word in rendered.args if not word.startswith(("--config.file", "--storage.path"))]
            text = "\n".join([*kept, f"--cluster.peer-timeout={PEER_TIMEOUT * minute / 60:g}s"])
            for number, address in enumerate(addresses):
                text = text.replace(f"alertmanager-{number}.alertmanager-peers.observability.svc", address)
            words = text.replace("$(MY_POD_IP)", own).split("\n")
            if not gossiping:
                words = [word for word in words if not word.startswith("--cluster")] + ["--cluster.listen-address="]
            return words

        self.members = [
            Alertmanager(
                folder / f"alertmanager-{number}",
                self.receiver,
                address,
                rendered.file("alertmanager.yaml"),
                GIVEN,
                minute=minute,
                arguments=arguments(address),
            )
            for number, address in enumerate(addresses)
        ]
        self._firing: list[dict[str, str]] = []
        self.over = threading.Event()

    def start(self, number: int) -> None:
        inside(self.network.peers[number], self.members[number].start)

    def fire(self, alert: dict[str, str]) -> None:
        self._firing.append(alert)

    def prometheus(self) -> None:
        """Tells every Alertmanager of every alert each second. Those that do not answer miss it."""
        while not self.over.wait(1):
            for member in self.members:
                try:
                    member.fire(*self._firing)
                except OSError:
                    continue

    def end(self) -> None:
        self.over.set()
        for member in self.members:
            member.stop()

    def told(self, alert: dict[str, str]) -> int:
        return len(self.receiver.about("webhook-url", alert["service"]))

    def silence(self, number: int, alert: dict[str, str]) -> None:
        now = datetime.now(UTC)
        asked = {
            "matchers": [{"name": "service", "value": alert["service"], "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "drill",
            "comment": "drill",
        }
        self.ask(number, "silences", asked)

    def silenced(self, number: int, alert: dict[str, str]) -> bool:
        return any(alert["service"] in json.dumps(silence) for silence in self.ask(number, "silences"))

    def size(self, number: int) -> int:
        """How many members it sees, itself among them."""
        return len(self.ask(number, "status")["cluster"].get("peers", []))

    def ask(self, number: int, what: str, posted: Any = None) -> Any:
        def asking() -> Any:
            answer = request(f"{self.members[number].url}/api/v2/{what}", body=posted, timeout=5)
            assert answer.status == 200, answer
            return answer.json

        return inside(self.network.hub, asking)


@contextmanager
def cluster_of(folder: Path, minute: float, *, gossiping: bool = True) -> Iterator[Cluster]:
    with ExitStack() as stack:
        network = stack.enter_context(network_of(workload("alertmanager").replicas))
        cluster = Cluster(folder, network, minute, gossiping=gossiping)
        stack.callback(cluster.end)
        for number in range(len(cluster.members)):
            cluster.start(number)
        prometheus = threading.Thread(target=lambda: inside(network.hub, cluster.prometheus), daemon=True)
        prometheus.start()
        stack.callback(prometheus.join)
        stack.callback(cluster.over.set)
        yield cluster


def _alert() -> dict[str, str]:
    return labels("HighErrorRate", "critical")


class Drill:
    """Its steps, on a cluster that runs. ``turn`` is how long all members may take to tell of an alert, one after the other."""

    def __init__(self, cluster: Cluster, minute: float) -> None:
        self.cluster, self.report = cluster, Report("F6 Alertmanager")
        self.turn = 3 * PEER_TIMEOUT * minute / 60
        self._patience = 10 + 4 * self.turn

    def everybody_talks(self) -> None:
        wait_until(lambda: self._sizes() == [3, 3, 3], 30, "three members")

    def killed(self) -> None:
        """The first one dies with a silence that it was given, and comes again with an old state or none."""
        before, during, silent = _alert(), _alert(), _alert()
        self.cluster.silence(0, silent)
        self._told("before", before)
        time.sleep(1)  # within 200 ms of telling people it has not told the others, who would tell them again
        self.cluster.members[0].stop(signal.SIGKILL)
        self.cluster.fire(silent)
        self._told("while one is dead", during)
        self.cluster.start(0)
        self.report.require("the killed one's silence kept", self._silent_everywhere(silent))
        time.sleep(self.turn)
        self.report.judge("told again after a kill", self.cluster.told(before) + self.cluster.told(during) - 2, 0)
        self.report.judge("told though silent", self.cluster.told(silent), 0)

    def parted(self) -> None:
        """The third one is cut off, and is given a silence there."""
        during, after, silent = _alert(), _alert(), _alert()
        self.cluster.network.part([2], [0, 1])
        self.report.require("partition seen", comes_true(lambda: self._sizes() == [2, 2, 1], 60))
        self.cluster.silence(2, silent)
        self._told("while parted", during)
        time.sleep(self.turn)
        self.cluster.network.join([2], [0, 1])
        begun = time.monotonic()
        self.report.require("joined again", comes_true(lambda: self._sizes() == [3, 3, 3], 90))
        self.report.require("the parted one's silence kept", self._silent_everywhere(silent))
        self.report.tell("joined after", time.monotonic() - begun, " s")
        self.cluster.fire(silent)
        self._told("after the partition", after)
        time.sleep(self.turn)
        self.report.judge("told again while parted", self.cluster.told(during) - 1, 1)
        self.report.judge("told again after the partition", self.cluster.told(after) - 1, 0)
        self.report.judge("told though silent, by the parted one", self.cluster.told(silent), 0)

    def _told(self, when: str, alert: dict[str, str]) -> None:
        self.cluster.fire(alert)
        told = comes_true(lambda: bool(self.cluster.told(alert)), self._patience)
        self.report.require(f"everybody told {when}", told)

    def _silent_everywhere(self, alert: dict[str, str]) -> bool:
        members = range(len(self.cluster.members))
        return comes_true(lambda: all(self.cluster.silenced(number, alert) for number in members), 15)

    def _sizes(self) -> list[int]:
        return [self.cluster.size(number) for number in range(len(self.cluster.members))]


def test_everybody_is_told_when_one_is_killed_or_parted(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    minute = 60 if full else 8
    with cluster_of(tmp_path, minute) as cluster:
        drill = Drill(cluster, minute)
        drill.everybody_talks()
        drill.killed()
        drill.parted()
    passes(drill.report)


def test_the_drill_sees_replicas_that_do_not_talk(tmp_path: Path) -> None:
    with cluster_of(tmp_path, 4, gossiping=False) as cluster:
        drill = Drill(cluster, 4)
        drill.killed()
    assert {"not the killed one's silence kept", "told again after a kill"} <= set(drill.report.missed)
