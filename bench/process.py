"""Runs one command to its end: how long it took, and how much memory it and all that it started held at once."""

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.1
"""Between two looks at the memory. Ten looks a second cost a hundredth of one core; a peak shorter than this may be missed."""
_GRACE_SECONDS = 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


class CommandFailed(Exception):
    """The command ended otherwise than it may; the message holds the end of what it said."""


@dataclass(frozen=True)
class Run:
    """``seconds`` of wall time, ``cpu`` seconds of all processes together, and the largest sum of their resident bytes.

    In ``peak`` pages that processes share count once each. On a busy machine ``cpu`` tells more than ``seconds``.
    """

    seconds: float
    cpu: float
    peak: int


def resident(session: int) -> int:
    """Resident bytes of all processes of a session now."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * _PAGE
    return total


def _used() -> float:
    """Processor seconds of all that has ended under this process: each parent hands on what its own children used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], accept: Sequence[int] = (0,)
) -> Run:
    """Run ``command`` in a session of its own, so that plugins which outlive a parent still count as its.

    An interrupt is passed on, and awaited: a Pulumi that is killed leaves its stack locked.
    """
    with tempfile.TemporaryFile("w+") as said:
        used, began = _used(), time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peak, over = 0, threading.Event()

        def look() -> None:
            nonlocal peak
            while not over.wait(LOOK_SECONDS):
                peak = max(peak, resident(child.pid))

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            code = child.wait()
            seconds, cpu = time.perf_counter() - began, _used() - used
        except BaseException:
            _end(child)
            raise
        finally:
            over.set()
            looking.join()
        if code not in accept:
            said.seek(0)
            raise CommandFailed(f"{' '.join(command)} ended with {code}:\n{said.read()[-3000:]}")
    return Run(seconds, cpu, peak)


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        if child.poll() is None:
            os.killpg(child.pid, number)
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
