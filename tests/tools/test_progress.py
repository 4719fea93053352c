"""Long work shows that it is alive, and a failure ends in words."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.process import interruptible
from tests.support.repository import ROOT
from tests.support.waiting import wait_until
from tools import progress
from tools.progress import SetupError, Steps, run


def test_each_step_says_its_number_what_it_did_and_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    counted = Steps(2)
    counted.skip("etcd", "cached")
    counted.do("pulumi", lambda: "built")

    assert capsys.readouterr().out.splitlines() == ["[1/2] etcd cached", "[2/2] pulumi …", "[2/2] pulumi built in 0 s"]


def test_a_long_command_shows_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.1)
    begun = time.monotonic()
    run("sleeping", ["sleep", "1"], cwd=tmp_path, environment=os.environ)

    most = (time.monotonic() - begun) / 0.1
    assert 3 <= capsys.readouterr().out.count("sleeping: still running after") <= most


def test_a_failed_command_shows_its_last_lines_and_the_fix(tmp_path: Path) -> None:
    command = ["sh", "-c", "seq 100 >&2; exit 7"]
    with pytest.raises(SetupError) as failure:
        run("counting", command, cwd=tmp_path, environment=os.environ, hint=lambda said: f"fix: {len(said)} characters")

    message = str(failure.value)
    assert message.startswith("counting failed (exit code 7):\n    81\n")
    assert message.endswith("    100\nfix: 292 characters")


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"digging: /no/such/spade does not start"):
        run("digging", ["/no/such/spade"], cwd=tmp_path, environment=os.environ)


def test_what_a_background_job_starts_for_an_interrupt_is_ended_by_it() -> None:
    """As ``make test &`` does in a script: what the shell starts ignores SIGINT, unless the test sets it."""
    ended = shlex.join(interruptible(["sh", "-c", "kill -INT $$; echo deaf"]))
    deaf = shlex.join(["sh", "-c", "kill -INT $$; echo deaf"])
    script = f"trap '' INT; {deaf}; {ended}; echo $?"

    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == ["deaf", str(128 + signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_a_set_up_started_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    """Also when it is ended just then: twenty times, in the two milliseconds after the first word of what it started."""
    script = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); from tools import progress;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143));"
        "progress.run('x', ['sh', '-c', 'echo $$ > ' + sys.argv[2] + '; exec sleep 300'], cwd=Path('/'), environment=os.environ)"
    )
    for turn in range(20):
        pid_file = tmp_path / f"pid-{turn}"
        command = interruptible([sys.executable, "-c", script, str(ROOT), str(pid_file)])
        starter = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda file=pid_file: file.exists() and file.read_text(), every=0)
        time.sleep(turn * 0.0001)
        starter.send_signal(number)
        starter.wait(30)
        assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()
