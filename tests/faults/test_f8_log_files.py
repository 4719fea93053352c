"""F8: everything that happens to a log file. Every well-formed line is delivered once, whatever stands beside it."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.counting import WORD, Writer
from tests.faults.pipeline import Load, Pipeline, Variant, flowing
from tests.faults.report import Report
from tests.support.agent_process import ContainerLog, now
from tests.support.tool_process import running
from tests.support.waiting import wait_until

PADDING = "y" * 200


class Hand:
    """Numbered lines by hand, into a file of its own."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.log = ContainerLog(pipeline.agent.pods, container=name)
        self._store = pipeline.stores["logs"]
        self.source, self.acknowledged = f"file-{name}", set[int]()

    @property
    def sent(self) -> int:
        return len(self.acknowledged)

    def start(self) -> None:
        """It writes when asked."""

    def stop(self) -> None:
        """As it began."""

    def missing(self) -> int:
        """How many of its lines have not arrived."""
        return self._store.missing({self.source: self.acknowledged})

    def line(self) -> str:
        """The next line, which has to arrive."""
        self.acknowledged.add(self.sent)
        return f"{WORD} {self.source} {self.sent - 1} {PADDING}"

    def lines(self, count: int) -> None:
        self.log.write(*(self.line() for _ in range(count)))


def copied_and_truncated(hand: Hand) -> None:
    """As logrotate does it with copytruncate. What is written between the two is lost by its nature: nothing is."""
    hand.lines(200)
    shutil.copy2(hand.log.path, hand.log.path.with_name("0.log.1"))
    os.truncate(hand.log.path, 0)
    hand.lines(100)


def truncated(hand: Hand) -> None:
    hand.lines(200)
    wait_until(lambda: not hand.missing(), 60, "the lines to be read before they go")
    os.truncate(hand.log.path, 0)
    hand.lines(100)


def binary(hand: Hand) -> None:
    hand.lines(50)
    hand.log.raw(b"\x00\xff\xfe\x80" * 500 + b"\n" + os.urandom(4000).replace(b"\n", b"") + b"\n")
    hand.lines(50)


def enormous(hand: Hand) -> None:
    """A line of 5 MB, which no runtime writes, and the same in parts, as a runtime writes it."""
    hand.lines(50)
    hand.log.raw(b"z" * 5_000_000 + b"\n")
    hand.lines(50)
    for _ in range(320):
        hand.log.write("z" * 16_000, tag="P")
    hand.log.write("end")
    hand.lines(50)


def unfinished(hand: Hand) -> None:
    """The last line has no end yet; it gets one later."""
    hand.lines(50)
    text = f"{now()} stdout F {hand.line()}"
    hand.log.raw(text[:90].encode())
    time.sleep(1.2)
    hand.log.raw(f"{text[90:]}\n".encode())
    hand.lines(50)


def in_parts(hand: Hand) -> None:
    """Lines of the container runtime interface in three parts each, of two streams that take turns."""
    for _ in range(50):
        for text in (hand.line(), hand.line()):
            for at, tag in ((0, "P"), (90, "P"), (180, "F")):
                hand.log.write(text[at : at + 90 if tag == "P" else None], tag=tag)


HAPPENINGS = (copied_and_truncated, truncated, binary, enormous, unfinished, in_parts)


def drill(folder: Path, seconds: float, variant: Variant | None = None) -> Report:
    """All of it at once, while another file is written and rotated at 1,000 lines a second, and the agent is away for a while."""
    report = Report("F8 log files")
    pipeline = Pipeline(folder, agent_variant=variant)
    hands = [Hand(pipeline, happening.__name__) for happening in HAPPENINGS]
    busy = ContainerLog(pipeline.agent.pods, container="busy")
    away = Hand(pipeline, "away")
    load = Load([Writer(busy, "file-busy", rate=1000, rotate=1000), *hands, away])
    with flowing(pipeline), running(load):
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            for happening, hand in zip(HAPPENINGS, hands, strict=True):
                happening(hand)
            # Rotated while nobody reads.
            away.lines(100)
            pipeline.agent.stop()
            away.lines(100)
            away.log.rotate()
            away.lines(100)
            time.sleep(1)
            pipeline.agent.start()
            time.sleep(2)
        load.stop()
        lost = pipeline.settle(load)
        report.tell("lines", load.acknowledged)
        report.tell("rotations", busy.rotations + away.log.rotations)
        report.judge("lost", lost, 0)
        report.judge("doubled", pipeline.doubled(), 0)
        for sender in load.senders:
            missing = pipeline.stores["logs"].missing({sender.source: sender.acknowledged})
            report.require(f"all of {sender.source.removeprefix('file-').replace('_', ' ')}", not missing)
    return report


def only_current_files(config: dict[str, Any]) -> None:
    """The sample's habit: rotated files are not read."""
    config["receivers"]["pod_logs"]["include"] = [
        path for path in config["receivers"]["pod_logs"]["include"] if path.endswith(".log")
    ]


def test_every_line_arrives_once_whatever_happens_to_its_file(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(drill(tmp_path, 120 if full else 1))


def test_the_drill_sees_an_agent_that_reads_no_rotated_file(tmp_path: Path) -> None:
    assert "not all of away" in drill(tmp_path, 1, only_current_files).missed
