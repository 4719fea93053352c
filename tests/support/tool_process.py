"""The pinned tools as processes: started until they answer, stopped, and started again with what they have kept."""

import http.client
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar


def tool(name: str) -> str:
    """Path of a pinned tool. A missing one is a failure, not a skipped test: nothing else checks what it checks."""
    found = shutil.which(name)
    assert found, f"{name} is not on PATH; `make setup` finds or builds it, and `make test` runs the tests with it"
    return found


def loopback() -> str:
    """A loopback address that nobody else uses: the tools keep the ports that ship."""
    return ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])


def wait_until(condition: Callable[[], Any], seconds: float, what: str | Callable[[], str], every: float = 0.05) -> Any:
    """What ``condition`` returns once that is true; an AssertionError says ``what`` it was after ``seconds``.

    A server that refuses, breaks off or keeps silent is not there yet. What it did last is the cause of the AssertionError.
    """
    end = time.monotonic() + seconds
    while True:
        failed: Exception | None = None
        try:
            if result := condition():
                return result
        except (OSError, http.client.HTTPException) as error:
            failed = error
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for {what() if callable(what) else what}") from failed
        time.sleep(every)


def comes_true(condition: Callable[[], Any], seconds: float) -> bool:
    """Whether it does in time: for a drill, which judges by itself."""
    try:
        return bool(wait_until(condition, seconds, "it"))
    except AssertionError:
        return False


def settle(arrived: Callable[[], Counter[str]], complete: Callable[[Counter[str]], bool], seconds: float = 60) -> None:
    """Wait until all is there, or is not going to be, and nothing more comes: what was refused may come again seconds later."""
    count, since, end = -1, time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < end:
        found = arrived()
        if found.total() != count:
            count, since = found.total(), time.monotonic()
        if time.monotonic() - since > (4 if complete(found) else 10):
            return
        time.sleep(0.1)


class ToolProcess:
    """A tool that can be started and stopped again and again: its data stay. Its output is in ``log_file``.

    It is ready when ``health``, a URL, answers with 200. Beside ``environment`` it has the PATH.
    """

    ready_within: float = 30
    ends_within: float = 30
    ends_by = signal.SIGTERM

    def __init__(self, command: Sequence[str], health: str, log_file: Path, environment: Mapping[str, str]) -> None:
        self.log_file = log_file
        self._command, self._health = command, health
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit code, negative for a signal; ``None`` while it runs."""
        assert self._process
        return self._process.poll()

    def start(self) -> float:
        """The seconds until it is ready."""
        begun = time.monotonic()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        wait_until(self._ready, self.ready_within, f"{type(self).__name__}; its log is {self.log_file}")
        return time.monotonic() - begun

    def stop(self, how: signal.Signals | None = None, within: float | None = None) -> float:
        """The seconds until it has ended."""
        begun = time.monotonic()
        if self._process and self._process.poll() is None:
            self._process.send_signal(how or self.ends_by)
            self._process.wait(timeout=within or self.ends_within)
        return time.monotonic() - begun

    def log(self) -> str:
        return self.log_file.read_text()

    def memory(self, field: str) -> int:
        """A figure of its memory by the kernel's name for it (proc(5): VmHWM, RssAnon), in bytes."""
        (line,) = (each for each in Path(f"/proc/{self.pid}/status").read_text().splitlines() if each.startswith(field))
        return int(line.split()[1]) * 1024

    def _ready(self) -> bool:
        assert self.ended is None, f"{type(self).__name__} ended:\n{self.log()[-4000:]}"
        with urllib.request.urlopen(self._health, timeout=2) as answer:
            return answer.status == 200


class _Startable(Protocol):
    def start(self) -> Any: ...
    def stop(self) -> Any: ...


S = TypeVar("S", bound=_Startable)


@contextmanager
def running(process: S) -> Iterator[S]:
    """Started for the block, and stopped after it."""
    try:
        process.start()
        yield process
    finally:
        process.stop()
