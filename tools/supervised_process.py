"""One long-lived process of the embedded cluster: started when it does not run as configured, stopped, and asked for its health."""

import hashlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tools import processes
from tools.progress import log

START_SECONDS = 120
STOP_SECONDS = 20
SMALL_HEAPS: Mapping[str, str] = {"GOGC": "40"}
"""Go collects garbage early: on one machine, memory is scarcer than the processor time that this takes."""
HEADINGS = ("COMPONENT", "PID", "PORT", "SINCE", "HEALTH", "MEMORY")


class ClusterError(Exception):
    """Why the embedded cluster cannot do what was asked, for whoever typed the command."""


@dataclass(frozen=True, kw_only=True)
class SupervisedProcess:
    """``config_files`` are files whose change restarts the process; ``health_error`` says why it is not healthy, or None.

    ``cgroup_procs`` are the ``cgroup.procs`` files of the control groups that the process joins before it runs ``command``.
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
        """Start the process unless it runs with these flags and files. True when it had to be started or was not healthy yet."""
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
            variables=SMALL_HEAPS,
        )
        self._wait_until_healthy(child)
        log(f"  {self.name} ready in {time.monotonic() - began:.1f} s")
        return True

    def stop(self) -> bool:
        """True when it ran."""
        return processes.stop(self.pid_file, grace=STOP_SECONDS)

    def status_row(self) -> tuple[tuple[str, ...], bool]:
        """Its line under HEADINGS, and whether it is healthy."""
        process, port = processes.read(self.pid_file), str(self.port or "-")
        if process is None:
            return (self.name, "-", port, "-", "not running", "-"), False
        error = self.health_error()
        since = datetime.fromtimestamp(process.since).strftime("%Y-%m-%d %H:%M:%S")
        memory = f"{process.memory / 2**20:.0f} MiB"
        return (self.name, str(process.pid), port, since, error or "ok", memory), error is None

    def _wait_until_healthy(self, child: subprocess.Popen[bytes] | None) -> None:
        end = time.monotonic() + START_SECONDS
        while (error := self.health_error()) is not None:
            ended = child.poll() is not None if child else processes.read(self.pid_file) is None
            if ended or time.monotonic() > end:
                how = "ended" if ended else f"is not ready after {START_SECONDS} s ({error})"
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
    """Rows as text in aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
