"""Progress of long work: numbered steps with their times, a sign of life of slow commands, and errors that say what to do."""

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HEARTBEAT_SECONDS = 30
POLL_SECONDS = 0.1


class SetupError(Exception):
    """What went wrong and how to fix it, for whoever typed the command."""


class Steps:
    """The numbered steps of one set-up."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def skip(self, name: str, reason: str) -> None:
        """Count a step for which nothing has to be done."""
        self._done += 1
        log(f"{self._label(name)} {reason}")

    def do(self, name: str, work: Callable[[], str]) -> None:
        """Run ``work``, and log the word that it returns (``built``, ``installed``) with the time that it took."""
        self._done += 1
        log(f"{self._label(name)} …")
        begun = time.monotonic()
        result = work()
        log(f"{self._label(name)} {result} in {time.monotonic() - begun:.0f} s")

    def _label(self, name: str) -> str:
        return f"[{self._done}/{self._total}] {name}"


def log(text: str) -> None:
    """Print one line of progress at once, also into a pipe."""
    print(text, flush=True)


def run(
    what: str,
    command: list[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    hint: Callable[[str], str] | None = None,
) -> str:
    """Run a command to its end and return its standard output. It is ended when this process is interrupted.

    Raises:
        SetupError: the command failed; holds the last lines of its output and what ``hint`` makes of them.
    """
    with (
        tempfile.TemporaryFile("w+", errors="replace") as output,
        tempfile.TemporaryFile("w+", errors="replace") as errors,
    ):
        child: subprocess.Popen[str] | None = None
        try:
            with _delayed_signals():
                child = _started(what, command, cwd=cwd, env=dict(environment), stdout=output, stderr=errors)
            _wait(what, child)
        except BaseException:
            if child:
                child.terminate()
                child.wait()
            raise
        output.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            text = errors.read() + output.read()
            lines = "\n".join(f"    {line}" for line in text.splitlines()[-20:])
            advice = hint(text) if hint else ""
            raise SetupError(f"{what} failed (exit code {child.returncode}):\n{lines}\n{advice}".rstrip())
        return output.read()


def _started(what: str, command: list[str], **how: Any) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **how)
    except OSError as error:
        raise SetupError(f"{what}: {command[0]} does not start: {error.strerror}") from error


@contextmanager
def _delayed_signals() -> Iterator[None]:
    """Delay SIGINT and SIGTERM: an exception that a handler raises inside Popen would leave a child process that nobody ends."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = {number: handler for number, handler in before.items() if callable(handler)}
    for number in handled:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    for number in came:
        signal.raise_signal(number)


def _wait(what: str, child: subprocess.Popen[str]) -> None:
    """Wait by a pidfd: ``Popen.wait`` with a timeout takes a lock, which an exception of a signal handler may leave locked.

    Only Linux has pidfds. Elsewhere the process is asked for again and again.
    """
    begun = time.monotonic()
    if not hasattr(os, "pidfd_open"):
        told = begun
        while child.poll() is None:
            time.sleep(POLL_SECONDS)
            if time.monotonic() - told > HEARTBEAT_SECONDS:
                told = time.monotonic()
                log(f"      {what}: still running after {told - begun:.0f} s")
        return
    ended = os.pidfd_open(child.pid)
    try:
        waiting = select.poll()
        waiting.register(ended, select.POLLIN)
        while not waiting.poll(HEARTBEAT_SECONDS * 1000):
            log(f"      {what}: still running after {time.monotonic() - begun:.0f} s")
    finally:
        os.close(ended)
    child.wait()
