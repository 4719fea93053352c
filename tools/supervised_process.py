"""One long-lived process of the embedded cluster: started when it does not run as it should, stopped, and asked for its health."""

import hashlib
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tools import processes

START_SECONDS = 120
STOP_SECONDS = 20
HEADINGS = ("COMPONENT", "PID", "PORT", "SINCE", "HEALTH", "MEMORY")


class ClusterError(Exception):
    """What stands in the way, in words for whoever typed the command."""


@dataclass(frozen=True, kw_only=True)
class SupervisedProcess:
    """`reads` are the files with which it has to be started anew when they change; `trouble` says why it is not healthy, or None.

    `joins` are the `cgroup.procs` of the control groups into which the process goes before it becomes what `command` says.
    """

    name: str
    command: Sequence[str]
    config_files: Sequence[Path]
    pid_file: Path
    log_file: Path
    health_error: Callable[[], str | None]
    port: int | None = None
    cgroup_procs: Sequence[Path] = ()
    umask: int = 0o077

    def ensure_running(self) -> bool:
        """True when it had to be started, because it was not running or not with these flags and files."""
        digest = self._digest()
        running = processes.read(self.pid_file)
        if running is not None and running.digest == digest:
            if self.health_error() is None:
                return False
            self._wait_until_healthy(None)  # it is still starting
            return True
        self.stop()
        began = time.monotonic()
        child = processes.start(
            list(self.command),
            pid_file=self.pid_file,
            log_file=self.log_file,
            digest=digest,
            cgroup_procs=self.cgroup_procs,
            umask=self.umask,
        )
        self._wait_until_healthy(child)
        say(f"  {self.name} ready in {time.monotonic() - began:.1f} s")
        return True

    def stop(self) -> bool:
        """True when it ran."""
        return processes.stop(self.pid_file, grace=STOP_SECONDS)

    def status_row(self) -> tuple[tuple[str, ...], bool]:
        """Its line under HEADINGS, and whether it is healthy."""
        process, port = processes.read(self.pid_file), str(self.port or "-")
        if process is None:
            return (self.name, "-", port, "-", "not running", "-"), False
        trouble = self.health_error()
        since = datetime.fromtimestamp(process.since).strftime("%Y-%m-%d %H:%M:%S")
        memory = f"{process.memory / 2**20:.0f} MiB"
        return (self.name, str(process.pid), port, since, trouble or "ok", memory), trouble is None

    def _wait_until_healthy(self, child: subprocess.Popen[bytes] | None) -> None:
        end = time.monotonic() + START_SECONDS
        while (trouble := self.health_error()) is not None:
            ended = child.poll() is not None if child else processes.read(self.pid_file) is None
            if ended or time.monotonic() > end:
                how = "ended" if ended else f"is not ready after {START_SECONDS} s ({trouble})"
                raise ClusterError(
                    f"{self.name} {how}. The end of {self.log_file}:\n{processes.last_lines(self.log_file)}"
                )
            time.sleep(0.1)

    def _digest(self) -> str:
        digest = hashlib.sha256("\0".join(self.command).encode())
        for path in self.config_files:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def format_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as aligned text."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def say(text: str) -> None:
    print(text, flush=True)
