"""F11: VictoriaLogs is killed under load, stopped, and its volume is full. Nobody has to help.

It answers before what it took is on its disk, so a kill costs what came in the last two seconds. Whoever stops it loses nothing.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.victorialogs import flags
from settings.model import VictoriaLogs as VictoriaLogsSettings
from tests.faults.bounds import fill, missing_requirements, volume_of
from tests.faults.counting import WORD, Sender, Store
from tests.faults.pipeline import VICTORIALOGS_PATHS, WITH_VICTORIALOGS, Load, gateway_of
from tests.faults.rendered import workload
from tests.faults.report import Report
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs

pytestmark = pytest.mark.skipif(missing_requirements() is not None, reason=missing_requirements() or "")
SOURCE = "otlp-v"
RATE = 500
DRAINED = 60
MIB = 1 << 20
VOLUME = 128 * MIB
LEFT = 5 * MIB
"""Less than the twentieth of the volume that it keeps free."""
UNWRITTEN = 3
"""Seconds before a kill: what came within these may be lost. It gathers for one, writes after one more, and that takes a moment."""
LOOKS = 17
QUIET = 18
"""Seconds; a gateway asks a store that was out again after 15 at most."""


@dataclass
class Flow:
    """A VictoriaLogs on a volume of its own, and the gateway before it under load."""

    store: VictoriaLogs
    volume: Path
    load: Load

    def found(self) -> Counter[int]:
        """How often each number is in it; nothing while it does not answer."""
        with suppress(OSError):
            self.store.flush()
            rows = self.store.query(f'_msg:"{WORD} {SOURCE} " | fields _msg', limit=1_000_000)
            return Counter(int(row["_msg"].split(" ")[2]) for row in rows)
        return Counter()

    def judge(self, report: Report, lost: int = 0, doubled: int = 0) -> None:
        """Ends the load; what was acknowledged, and what the store has of it in the end."""
        self.load.stop()
        (sender,), begun = self.load.senders, time.monotonic()
        missing, since = len(sender.acknowledged), begun
        while missing and time.monotonic() - begun < DRAINED and time.monotonic() - since < QUIET:
            time.sleep(0.5)
            if (left := len(sender.acknowledged - self.found().keys())) < missing:
                missing, since = left, time.monotonic()
        found = self.found()
        report.tell("acknowledged", len(sender.acknowledged))
        report.judge("requests refused", sum(self.load.answers().values()), 0)
        report.judge("lost", missing, lost)
        report.judge("doubled", sum(found.values()) - len(found), doubled)
        report.judge("the last found after", since - begun, DRAINED, " s")


@contextmanager
def flow_of(folder: Path, *more: str) -> Iterator[Flow]:
    """``more`` are flags in place of those that the program renders."""
    rendered, away = workload("victorialogs", WITH_VICTORIALOGS), Store()
    sized = flags(VictoriaLogsSettings(volume=f"{VOLUME // MIB}Mi"))
    assert [flag.partition("=")[0] for flag in sized] == [flag.partition("=")[0] for flag in rendered.args]
    store = VictoriaLogs(folder / "store", *more, rendered=sized)
    stores = dict.fromkeys(("traces", "metrics", "metrics_replica"), away.url) | {"logs": store.url}
    gateway = gateway_of(
        workload("otel-collector", WITH_VICTORIALOGS), folder / "gateway", stores, paths=VICTORIALOGS_PATHS
    )
    with ExitStack() as stack:
        stack.callback(away.close)
        volume = stack.enter_context(volume_of(VOLUME, folder / "store/data"))
        stack.enter_context(running(store))
        stack.enter_context(running(gateway))
        load = Load([Sender("logs", gateway.address, SOURCE, rate=RATE)])
        stack.enter_context(running(load))
        yield Flow(store, volume, load)


def killed(folder: Path, kills: int, *more: str) -> Report:
    report, restarts = Report("F11 VictoriaLogs killed"), list[float]()
    with flow_of(folder, *more) as flow:
        for _ in range(kills):
            time.sleep(4)
            flow.store.stop(signal.SIGKILL)
            time.sleep(1)
            restarts.append(flow.store.start())
        time.sleep(4)
        report.tell("kills", kills)
        report.tell("answers again after", max(restarts), " s")
        # What it took and did not answer is sent again.
        flow.judge(report, lost=kills * RATE * UNWRITTEN, doubled=kills * RATE * UNWRITTEN)
    return report


def test_a_victorialogs_that_is_killed_loses_what_it_took_last_and_nothing_else(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(killed(tmp_path, 20 if full else 3))


def test_the_drill_sees_a_victorialogs_that_writes_seldom(tmp_path: Path) -> None:
    assert "lost" in killed(tmp_path, 1, "-inmemoryDataFlushInterval=1m").missed


def stopped(folder: Path, stops: int) -> Report:
    report = Report("F11 VictoriaLogs stopped")
    with flow_of(folder) as flow:
        for _ in range(stops):
            time.sleep(3)
            flow.store.stop(signal.SIGTERM)
            time.sleep(1)
            flow.store.start()
        time.sleep(2)
        report.tell("stops", stops)
        flow.judge(report)
    return report


def test_a_victorialogs_that_is_stopped_loses_and_doubles_nothing(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(stopped(tmp_path, 20 if full else 3))


def filled(folder: Path, seconds: float, *more: str) -> Report:
    """The volume is nearly full for longer than it looks, then altogether; it is stopped, and the space comes back."""
    report = Report("F11 VictoriaLogs' volume full")
    with flow_of(folder, *more) as flow:
        time.sleep(3)
        fill(flow.volume / "foreign", leaving=LEFT)
        begun = time.monotonic()
        while not (refusing := _is_read_only(flow.store)) and time.monotonic() - begun < LOOKS:
            time.sleep(0.5)
        report.require("refusing before it is full", refusing)
        time.sleep(UNWRITTEN)
        fill(flow.volume / "foreign-too")
        time.sleep(seconds)
        report.require("running with a full volume", flow.store.ended is None)
        flow.store.stop(signal.SIGKILL)
        for file in ("foreign", "foreign-too"):
            (flow.volume / file).unlink()
        report.tell("answers again after", flow.store.start(), " s")
        time.sleep(3)
        flow.judge(report)
    return report


def _is_read_only(store: VictoriaLogs) -> bool:
    with suppress(OSError):
        return any(
            line.startswith("vl_storage_is_read_only") and line.endswith(" 1")
            for line in store.own_metrics().splitlines()
        )
    return False


def test_a_victorialogs_whose_volume_is_full_refuses_in_time_and_loses_nothing(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(filled(tmp_path, 120 if full else 3))


def test_the_drill_sees_a_victorialogs_that_takes_what_it_cannot_keep(tmp_path: Path) -> None:
    assert filled(tmp_path, 3, "-storage.minFreeDiskSpaceBytes=1").missed
