"""Long-lived processes by pid file: started in a session of their own, so that they outlive the command that starts them.

The kernel may give a process's number to another one later. The pid file therefore also holds the boot id and the kernel's start
time of the process. A process that does not match both counts as dead and is never signalled.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.waiting import wait_until

_LOG_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Process:
    """The content of a pid file.

    ``digest`` identifies the configuration that it was started with, ``since`` is when (Unix seconds).
    """

    pid: int
    boot: str
    started: int
    digest: str
    since: float

    @property
    def alive(self) -> bool:
        return self.boot == _boot() and _started(self.pid) == self.started

    @property
    def memory(self) -> int:
        """Resident bytes; 0 when it is gone."""
        try:
            fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: signal.Signals) -> None:
        """Signal the process by a pidfd.

        It is checked after the pidfd was opened, so another process of the same number is not hit.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)


def start(
    command: list[str],
    *,
    pid_file: Path,
    log_file: Path,
    digest: str,
    cgroup_procs: Sequence[Path] = (),
    umask: int = 0o077,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command`` detached, with its output appended to ``log_file`` and ``variables`` added to the environment.

    The child itself writes the pid file before it becomes ``command``, so no process is lost, and joins the control groups whose
    ``cgroup.procs`` files are named.
    """
    for path in (pid_file, log_file):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if log_file.exists() and log_file.stat().st_size > _LOG_LIMIT:
        log_file.rename(log_file.with_suffix(".old"))

    def record() -> None:
        pid = os.getpid()
        for group in cgroup_procs:
            group.write_text(str(pid))
        process = Process(pid=pid, boot=_boot(), started=_started(pid) or 0, digest=digest, since=time.time())
        temporary = pid_file.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(process)))
        temporary.rename(pid_file)

    with log_file.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            umask=umask,
            start_new_session=True,
            preexec_fn=record,  # safe: this program has one thread
        )


def read(pid_file: Path) -> Process | None:
    """The process of this pid file, or None when it is not alive."""
    try:
        process = Process(**json.loads(pid_file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if process.alive else None


def stop(pid_file: Path, *, grace: float) -> bool:
    """End the process by SIGTERM, and by SIGKILL after ``grace`` seconds. True when it was alive."""
    process = read(pid_file)
    if process is not None:
        process.signal(signal.SIGTERM)
        if not wait_until(lambda: not process.alive, grace, every=0.05):
            process.signal(signal.SIGKILL)
            if not wait_until(lambda: not process.alive, 10, every=0.05):
                raise RuntimeError(f"process {process.pid} does not end, even after SIGKILL")
    pid_file.unlink(missing_ok=True)
    return process is not None


def last_lines(log_file: Path, count: int = 12) -> str:
    """The end of a log, for a message about a crash."""
    try:
        with log_file.open("rb") as file:
            file.seek(max(0, log_file.stat().st_size - 32768))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(lines[-count:]) or "(empty log)"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> int | None:
    """The kernel's start time (ticks since boot) of a running process. None when there is none, or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and parentheses
    return None if fields[0] in "ZX" else int(fields[19])
