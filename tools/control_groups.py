"""The control groups of one node: every process of it is below one of ours in each hierarchy, so none is missed when it ends.

Both versions: one unified hierarchy, or one for each controller as on older machines.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
SYSTEM = "system"
"""Beside the pods' groups: in version 2 a group that has groups below it holds no process of its own."""


def hierarchies() -> list[Path]:
    """Where control groups are mounted."""
    fields = [line.split() for line in MOUNTS.read_text().splitlines()]
    return [Path(hierarchy) for _, hierarchy, kind, *_ in fields if kind in ("cgroup", "cgroup2")]


def controllers() -> set[str]:
    """The controllers that there are, of either version."""
    found: set[str] = set()
    for hierarchy in hierarchies():
        listed = hierarchy / "cgroup.controllers"
        found |= set(listed.read_text().split()) if listed.exists() else {hierarchy.name, *hierarchy.name.split(",")}
    return found


class ControlGroups:
    """The groups called `name` at the root of each hierarchy."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def cgroup_procs(self) -> list[Path]:
        """What a process of the node writes its number into."""
        return [hierarchy / self.name / SYSTEM / "cgroup.procs" for hierarchy in hierarchies()]

    def ensure(self) -> None:
        for hierarchy in hierarchies():
            for above, group in (
                (hierarchy, hierarchy / self.name),
                (hierarchy / self.name, hierarchy / self.name / SYSTEM),
            ):
                _delegate(above)
                group.mkdir(exist_ok=True)
                for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1 has them empty, and then takes no process
                    if (group / setting).exists() and not (group / setting).read_text().strip():
                        (group / setting).write_text((above / setting).read_text())

    def processes(self) -> set[int]:
        """Everything that lives in them, pods included."""
        return {int(pid) for group in self._groups() for pid in _read(group / "cgroup.procs").split()}

    def remove(self, seconds: float = 15) -> None:
        """Kill what lives in them, and remove them.

        Raises:
            RuntimeError: something does not die.
        """
        end = time.monotonic() + seconds
        while pids := self.processes():
            if time.monotonic() > end:
                raise RuntimeError(f"processes {sorted(pids)} do not end, not even by SIGKILL")
            for pid in pids:
                self._kill(pid)
            time.sleep(0.05)
        while groups := list(self._groups()):
            for group in groups:
                try:
                    group.rmdir()
                except OSError as error:  # one that has just become empty may still be busy
                    if time.monotonic() > end:
                        raise RuntimeError(f"{group} cannot be removed: {error.strerror}") from error
            time.sleep(0.02)

    def _kill(self, pid: int) -> None:
        """By a handle that is checked after it was taken: a number may have passed to someone else."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if pid in self.processes():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def _groups(self) -> Iterator[Path]:
        """Ours and all below, the deepest first."""
        for hierarchy in hierarchies():
            for folder, _, _ in os.walk(hierarchy / self.name, topdown=False):
                yield Path(folder)


def _delegate(group: Path) -> None:
    """Let groups below have the controllers that this one has; version 2 asks for it."""
    available = _read(group / "cgroup.controllers").split()
    lacking = set(available) - set(_read(group / "cgroup.subtree_control").split())
    for controller in sorted(lacking):
        (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # gone meanwhile, or of the other version
        return ""
