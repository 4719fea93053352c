"""Runs a command and measures its time, and the most memory that it and its child processes held at once."""

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

SAMPLE_SECONDS = 0.1
"""The time between two samples of the memory. Ten a second cost a hundredth of one core; a shorter peak may be missed."""
_GRACE_SECONDS = 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


class CommandFailed(Exception):
    """The command ended with an unexpected exit code. Holds the end of its output."""


@dataclass(frozen=True)
class Run:
    """``seconds`` of wall time, ``cpu`` seconds of all processes, and ``peak``, the largest sum of their resident bytes.

    In ``peak``, a page that processes share counts once for each process. On a busy machine ``cpu`` says more than ``seconds``.
    """

    seconds: float
    cpu: float
    peak: int


def resident(session: int) -> int:
    """The resident bytes of all processes of a session now."""
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
    """The processor seconds of all ended child processes, their own children included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], accept: Sequence[int] = (0,)
) -> Run:
    """Run ``command`` in a session of its own, so that plugins that outlive their parent are still measured.

    An interrupt is passed on to the command and its end awaited: a killed Pulumi leaves its stack locked.
    """
    with tempfile.TemporaryFile("w+") as output:
        used, began = _used(), time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peak, over = 0, threading.Event()

        def sample() -> None:
            nonlocal peak
            while not over.wait(SAMPLE_SECONDS):
                peak = max(peak, resident(child.pid))

        sampling = threading.Thread(target=sample, daemon=True)
        sampling.start()
        try:
            code = child.wait()
            seconds, cpu = time.perf_counter() - began, _used() - used
        except BaseException:
            _end(child)
            raise
        finally:
            over.set()
            sampling.join()
        if code not in accept:
            output.seek(0)
            raise CommandFailed(f"{' '.join(command)} ended with {code}:\n{output.read()[-3000:]}")
    return Run(seconds, cpu, peak)


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        if child.poll() is None:
            os.killpg(child.pid, number)
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
