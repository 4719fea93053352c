"""The pinned tools as processes: started until they answer, stopped, and started again with what they have kept."""

import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.support.http_json import request
from tests.support.process import Process


def tool(name: str) -> str:
    """Path of a pinned tool. A missing one is a failure, not a skipped test: nothing else checks what it checks."""
    found = shutil.which(name)
    assert found, f"{name} is not on PATH; `make setup` finds or builds it, and `make test` runs the tests with it"
    return found


class ToolProcess:
    """A tool that can be started and stopped again and again: its data stay. Its output is in ``log_file``.

    It is ready when ``health``, a URL, answers with 200. Beside ``environment`` it has the PATH.
    """

    ready_within: float = 30
    ends_within: float = 30
    ends_by = signal.SIGTERM

    def __init__(self, command: Sequence[str], health: str, log_file: Path, environment: Mapping[str, str]) -> None:
        self.log_file = log_file
        self._command, self._health, self._environment = command, health, environment
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit code, negative for a signal; ``None`` while it runs."""
        assert self._process
        return self._process.ended

    def start(self) -> float:
        """The seconds until it is ready."""
        begun = time.monotonic()
        self._process = Process(self._command, self._environment, self.log_file)
        self._process.ready(self._answers, f"{type(self).__name__}; its log is {self.log_file}", self.ready_within)
        return time.monotonic() - begun

    def stop(self, how: signal.Signals | None = None, within: float | None = None) -> float:
        """The seconds until it has ended."""
        begun = time.monotonic()
        if self._process and self._process.ended is None:
            self._process.stop(how or self.ends_by, within or self.ends_within)
        return time.monotonic() - begun

    def log(self) -> str:
        return self.log_file.read_text()

    def memory(self, field: str) -> int:
        """A figure of its memory by the kernel's name for it (proc(5): VmHWM, RssAnon), in bytes."""
        (line,) = (each for each in Path(f"/proc/{self.pid}/status").read_text().splitlines() if each.startswith(field))
        return int(line.split()[1]) * 1024

    def processor_seconds(self) -> float:
        """What it has used so far, by the kernel's clock of the process (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def _answers(self) -> bool:
        return request(self._health, timeout=2).status == 200


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
