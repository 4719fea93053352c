"""F4: the queues' volume is too small for the outage. The queues refuse first, the sender hears it, it is counted; what was
acknowledged survives a crash. Then something else fills the volume.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settings.units import to_bytes
from tests.faults.bounds import fill, missing_requirements, volume_of
from tests.faults.counting import Sender, Signal
from tests.faults.pipeline import STORES, Load, Pipeline, flowing, taken_after
from tests.faults.report import Report
from tests.support.tool_process import running

pytestmark = pytest.mark.skipif(missing_requirements() is not None, reason=missing_requirements() or "")
SIGNALS: tuple[tuple[Signal, str], ...] = (("logs", "otlp-f"), ("traces", "span-f"), ("metrics", "point-f"))
MIB = 1 << 20
SMALLEST = "512Mi"
"""The settings take no smaller volume."""
RECOVERY = 30


def _flood(address: str) -> Load:
    """24 MB a second, a third of each signal."""
    return Load(
        [Sender(kind, address, source, rate=2000, batch=50, padding=4000, connections=2) for kind, source in SIGNALS]
    )


def drill(folder: Path, set_to: str, size: int) -> Report:
    """``set_to`` is the volume's size in the settings, ``size`` what it has."""
    report = Report("F4 volume full")
    pipeline = Pipeline(folder, changes={"collector": {"volume": set_to}})
    with volume_of(size, folder / "gateway-0/queues"), flowing(pipeline):
        pipeline.set_stores("refusing")
        with running(_flood(pipeline.gateway.address)) as load:
            begun = time.monotonic()
            while len(_refusing(load)) < len(SIGNALS) and time.monotonic() - begun < size / MIB / 2:
                time.sleep(0.2)
            time.sleep(3)
            counted = _counted(pipeline.gateway.own_metrics())
            pipeline.gateway.stop(signal.SIGKILL)
            load.stop()
        restarted = pipeline.gateway.start()
        pipeline.set_stores("up")
        recovered = taken_after(pipeline.gateway.address, 2 * RECOVERY)
        lost = pipeline.settle(load, within=120)
        report.tell("volume", size / MIB, " MiB")
        report.tell("acknowledged", load.acknowledged)
        report.tell("refused requests", sum(load.answers().values()))
        report.judge("lost", lost, 0)
        report.require("every signal's sender heard 503", len(_refusing(load)) == len(SIGNALS))
        report.require("every store's refusals counted", counted >= set(STORES))
        report.judge("ready after", restarted, RECOVERY, " s")
        report.judge("taken again after", recovered, RECOVERY, " s")
    return report


def _refusing(load: Load) -> set[str]:
    return {sender.source for sender in load.senders if isinstance(sender, Sender) and sender.answers["503"]}


def _counted(told: str) -> set[str]:
    """The stores whose queue has refused something, by the series that CollectorQueueRejecting reads."""
    return {
        name
        for line in told.splitlines()
        for name in STORES
        if line.startswith("otelcol_exporter_enqueue_failed_")
        and f'exporter="otlp_http/{name}"' in line
        and not line.endswith(" 0")
    }


def test_a_full_queue_refuses_and_keeps_what_it_took(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    set_to = "2Gi" if full else SMALLEST
    passes(drill(tmp_path, set_to, to_bytes(set_to)))


def test_the_drill_sees_queues_larger_than_their_volume(tmp_path: Path) -> None:
    assert "lost" in drill(tmp_path, SMALLEST, 96 * MIB).missed


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Path]:
    with volume_of(to_bytes(SMALLEST), tmp_path / "gateway-0/queues") as volume:
        yield volume


def test_a_gateway_whose_volume_something_else_fills_refuses_and_goes_on_after_it(
    tmp_path: Path, filled: Path, passes: Callable[[Report], None]
) -> None:
    report = Report("F4 volume filled by something else")
    with (
        flowing(Pipeline(tmp_path, changes={"collector": {"volume": SMALLEST}})) as pipeline,
        running(pipeline.load(200)) as load,
    ):
        time.sleep(2)
        pipeline.set_stores("refusing")
        fill(filled / "foreign")
        time.sleep(6)
        report.tell("refused requests", sum(load.answers().values()))
        report.require("only 503 as refusal", set(load.answers()) == {"503"})
        report.require("the gateway alive", pipeline.gateway.ended is None)
        (filled / "foreign").unlink()
        pipeline.set_stores("up")
        before = load.acknowledged
        time.sleep(3)
        report.require("records taken again", load.acknowledged > before + 200)
        load.stop()
        # No mark: the Collector's queue deletes what it cannot mark as being sent. Nothing else is on this volume, hence.
        report.tell("lost", pipeline.settle(load))
    passes(report)
