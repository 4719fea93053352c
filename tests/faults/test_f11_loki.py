"""F11: Loki is killed under load, and its volume is full. What the gateway acknowledged is found once, and nobody has to help."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.bounds import fill, missing_requirements, volume_of
from tests.faults.counting import WORD, Sender, Store
from tests.faults.pipeline import Load, Variant, gateway_of
from tests.faults.rendered import workload
from tests.faults.report import Report
from tests.support.http_json import ask
from tests.support.loki_process import Loki
from tests.support.tool_process import running

pytestmark = pytest.mark.skipif(missing_requirements() is not None, reason=missing_requirements() or "")
SOURCE = "otlp-l"
RATE = 500
DRAINED = 60
PAGE = 5000
"""As many lines as Loki gives at once."""
MIB = 1 << 20
VOLUME = 128 * MIB
LEFT = 9 * MIB
"""Less than the tenth of the volume that Loki keeps free, and more than it writes until it looks, which it does each 15 s."""
LOOKS = 17
QUIET = 18
"""Seconds; a gateway asks a store that was out again after 15 at most."""


@dataclass
class Flow:
    """A Loki on a volume of its own, and the gateway before it under load."""

    loki: Loki
    volume: Path
    load: Load

    def found(self) -> Counter[int]:
        """How often each number is in Loki; nothing while it does not answer."""
        lines: Counter[tuple[int, str]] = Counter()
        with suppress(OSError):
            # A page begins with the moment at which the one before it ended.
            start = 0
            while len(page := self._page(start)) == PAGE and page[-1][0] != start:
                start = page[-1][0]
                lines.update(line for line in page if line[0] != start)
            lines.update(page)
        numbers = Counter[int]()
        for (_, line), times in lines.items():
            numbers[int(line.split(" ")[2])] += times
        return numbers

    def judge(self, report: Report) -> None:
        """Ends the load; what was acknowledged, and what Loki has of it in the end."""
        self.load.stop()
        (sender,), begun = self.load.senders, time.monotonic()
        missing, since = len(sender.acknowledged), begun
        while missing and time.monotonic() - begun < DRAINED and time.monotonic() - since < QUIET:
            time.sleep(0.5)
            if (left := len(sender.acknowledged - self.found().keys())) < missing:
                missing, since = left, time.monotonic()
        drained = time.monotonic() - begun
        found = self.found()
        report.tell("acknowledged", len(sender.acknowledged))
        report.judge("requests refused", sum(self.load.answers().values()), 0)
        report.judge("lost", missing, 0)
        report.judge("doubled", sum(found.values()) - len(found), 0)
        report.judge("all found after", drained, DRAINED, " s")

    def _page(self, start: int) -> list[tuple[int, str]]:
        now = time.time_ns()
        asked: dict[str, Any] = {
            "query": f'{{service_name="api"}} |= "{WORD} {SOURCE} "',
            "start": start or now - 3600 * 10**9,
            "end": now + 60 * 10**9,
            "limit": PAGE,
            "direction": "forward",
        }
        streams = ask(f"{self.loki.url}/loki/api/v1/query_range", timeout=30, **asked)["data"]["result"]
        return sorted((int(at), line) for stream in streams for at, line, *_ in stream["values"])


@contextmanager
def flow_of(folder: Path, variant: Variant | None) -> Iterator[Flow]:
    text, away = workload("loki").file("loki.yaml"), Store()
    if variant:
        config = yaml.safe_load(text)
        variant(config)
        text = yaml.safe_dump(config)
    loki = Loki(folder / "loki", text)
    stores = dict.fromkeys(("traces", "metrics", "metrics_replica"), away.url) | {"logs": loki.url}
    gateway = gateway_of(workload("otel-collector"), folder / "gateway", stores)
    with ExitStack() as stack:
        stack.callback(away.close)
        volume = stack.enter_context(volume_of(VOLUME, folder / "loki/data"))
        stack.enter_context(running(loki))
        stack.enter_context(running(gateway))
        load = Load([Sender("logs", gateway.address, SOURCE, rate=RATE)])
        stack.enter_context(running(load))
        yield Flow(loki, volume, load)


def killed(folder: Path, kills: int, variant: Variant | None = None) -> Report:
    report, restarts = Report("F11 Loki killed"), list[float]()
    with flow_of(folder, variant) as flow:
        for _ in range(kills):
            time.sleep(4)
            flow.loki.stop(signal.SIGKILL)
            time.sleep(1)
            restarts.append(flow.loki.start())
        time.sleep(4)
        report.tell("kills", kills)
        report.tell("answers again after", max(restarts), " s")
        flow.judge(report)
    return report


def test_a_loki_that_is_killed_loses_and_doubles_nothing(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(killed(tmp_path, 20 if full else 3))


def without_log_on_disk(config: dict[str, Any]) -> None:
    """Chunks that are not yet written are in memory alone."""
    config["ingester"]["wal"] = {"enabled": False}


def test_the_drill_sees_a_loki_without_a_log_on_disk(tmp_path: Path) -> None:
    assert "lost" in killed(tmp_path, 1, without_log_on_disk).missed


def filled(folder: Path, seconds: float, variant: Variant | None = None) -> Report:
    """The volume is nearly full for longer than Loki looks, then altogether; Loki is killed, and the space comes back."""
    report = Report("F11 Loki's volume full")
    with flow_of(folder, variant) as flow:
        time.sleep(3)
        fill(flow.volume / "foreign", leaving=LEFT)
        begun = time.monotonic()
        while not (refusing := "\nloki_ingester_wal_disk_full_failures_total 1" in flow.loki.own_metrics()):
            time.sleep(0.5)
            if time.monotonic() - begun > LOOKS:
                break
        report.require("refusing before it is full", refusing)
        fill(flow.volume / "foreign-too")
        time.sleep(seconds)
        flow.loki.stop(signal.SIGKILL)
        for file in ("foreign", "foreign-too"):
            (flow.volume / file).unlink()
        report.tell("answers again after", flow.loki.start(), " s")
        time.sleep(3)
        flow.judge(report)
    return report


def test_a_loki_whose_volume_is_full_refuses_in_time_and_loses_nothing(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(filled(tmp_path, 120 if full else 3))


def goes_on_when_full(config: dict[str, Any]) -> None:
    """It takes what its log on disk has no room for."""
    config["ingester"]["wal"]["disk_full_threshold"] = 0


def test_the_drill_sees_a_loki_that_takes_what_it_cannot_keep(tmp_path: Path) -> None:
    assert "lost" in filled(tmp_path, 3, goes_on_when_full).missed
