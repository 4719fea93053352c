"""Processes that a test starts: each logs into a file, and is stopped by its pid."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_until


class Process:
    """A started command with its output in ``log``. It has no environment but what is given, and PATH."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        log: Path,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        self._command = command[0]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], **environment},
                cwd=cwd,
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit code, negative for a signal; ``None`` while it runs."""
        return self._process.poll()

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """Every line that is a whole JSON object."""
        found = []
        for line in self.text().splitlines():
            with contextlib.suppress(ValueError):
                if isinstance(value := json.loads(line), dict):
                    found.append(value)
        return found

    def ready(self, condition: Callable[[], Any], what: str, seconds: float = 30) -> None:
        def alive_and_so() -> Any:
            assert self.ended is None, f"{self._command} ended by {self.ended}:\n{self.text()[-3000:]}"
            return condition()

        wait_until(alive_and_so, seconds, lambda: f"{what}\n{self.text()[-3000:]}")

    def wait(self, seconds: float) -> int:
        """The exit code of a command that ends by itself."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop(signal.SIGKILL)
            raise AssertionError(f"{self._command} did not end in {seconds:g} s:\n{self.text()[-3000:]}") from None

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Its exit code. What does not end by ``how`` in time is killed, and that is an error."""
        if self.ended is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self._command} did not end by {how.name}:\n{self.text()[-3000:]}") from None


def interruptible(command: Sequence[str]) -> list[str]:
    """The command, started so that SIGINT ends it as in a terminal's foreground.

    The jobs that a shell runs in the background (``make test &``) ignore SIGINT, and so does whatever they start.
    """
    return ["env", "--default-signal=INT", *command]
