"""Processes that the tests start: each logs into a file, and is stopped by its pid."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.tool_process import wait_until

_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody uses, and no one else is given: whoever asks binds it later, and may free it and take it again.

    It is below those that the system gives away itself.
    """
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        if port in _given:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


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
            assert self._process.poll() is None, (
                f"{self._command} ended by {self._process.poll()}:\n{self.text()[-3000:]}"
            )
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
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self._command} did not end by {how.name}:\n{self.text()[-3000:]}") from None
