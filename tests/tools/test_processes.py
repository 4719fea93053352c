"""Pid files: what was started is found and ended, and nothing else ever is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.waiting import wait_until
from tools import processes


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


def begin(tmp_path: Path, *command: str) -> processes.Process:
    child = processes.start(list(command), pid_file=tmp_path / "x.pid", log_file=tmp_path / "x.log", digest="d")
    process = processes.read(tmp_path / "x.pid")
    assert process is not None
    assert process.pid == child.pid
    return process


def test_a_started_process_is_found_and_ended(tmp_path: Path) -> None:
    process = begin(tmp_path, "sleep", "300")

    assert process.memory > 0
    assert processes.stop(tmp_path / "x.pid", grace=5)
    assert not process.alive
    assert not (tmp_path / "x.pid").exists()
    assert not processes.stop(tmp_path / "x.pid", grace=5)


def test_a_process_that_ignores_the_polite_signal_is_ended_by_force(tmp_path: Path) -> None:
    process = begin(tmp_path, "sh", "-c", "trap '' TERM; echo deaf; while true; do sleep 0.1; done")
    wait_until(lambda: "deaf" in (tmp_path / "x.log").read_text())

    assert processes.stop(tmp_path / "x.pid", grace=0.3)
    assert not process.alive


def test_a_pid_that_passed_to_another_process_is_not_signalled(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    mine = begin(tmp_path, "sleep", "300")
    recycled = replace(mine, pid=stranger.pid, started=mine.started + 1000)  # both may be of one tick
    (tmp_path / "x.pid").write_text(json.dumps(asdict(recycled)))

    assert processes.read(tmp_path / "x.pid") is None
    assert not processes.stop(tmp_path / "x.pid", grace=1)
    recycled.signal(signal.SIGKILL)
    time.sleep(0.2)
    assert stranger.poll() is None
    mine.signal(signal.SIGKILL)


def test_a_pid_file_of_an_earlier_boot_counts_for_nothing(tmp_path: Path) -> None:
    process = begin(tmp_path, "sleep", "300")
    earlier = replace(process, boot="another")

    assert not earlier.alive
    processes.stop(tmp_path / "x.pid", grace=5)


def test_a_zombie_counts_as_dead(tmp_path: Path) -> None:
    child = processes.start(["true"], pid_file=tmp_path / "x.pid", log_file=tmp_path / "x.log", digest="d")
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has collected it yet

    assert processes.read(tmp_path / "x.pid") is None
    child.wait()


@pytest.mark.parametrize("content", ["", "{}", "17", '{"pid": 1}', "[]"])
def test_a_damaged_pid_file_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.pid").write_text(content)

    assert processes.read(tmp_path / "x.pid") is None


def test_a_process_outlives_its_starter_in_a_session_of_its_own(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); from tools import processes; d = Path(sys.argv[2]);"
        "processes.start(['sleep', '300'], pid_file=d / 'x.pid', log_file=d / 'x.log', digest='d')"
    )
    subprocess.run([sys.executable, "-c", script, str(ROOT), str(tmp_path)], check=True)

    process = processes.read(tmp_path / "x.pid")
    assert process is not None
    assert os.getsid(process.pid) == process.pid
    assert processes.stop(tmp_path / "x.pid", grace=5)


def test_the_end_of_a_log_is_shown_without_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("\n".join(str(n) for n in range(10_000)))

    assert processes.last_lines(tmp_path / "x.log", 2) == "9998\n9999"
    assert processes.last_lines(tmp_path / "none.log") == "(no log)"
