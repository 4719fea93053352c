"""The control groups of one node. Each of its processes, pods included, is in a group below ours, so all of them can be ended.

Works with control groups version 2 (one hierarchy) and version 1 (a hierarchy for each controller).
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
SYSTEM = "system"
"""The group of the node's own processes, beside the pods' groups: in version 2 a group with groups below it may hold no process."""


def hierarchies() -> list[Path]:
    """The folders where control groups are mounted."""
    fields = [line.split() for line in MOUNTS.read_text().splitlines()]
    return [Path(hierarchy) for _, hierarchy, kind, *_ in fields if kind in ("cgroup", "cgroup2")]


def controllers() -> set[str]:
    """The available controllers."""
    found: set[str] = set()
    for hierarchy in hierarchies():
        listed = hierarchy / "cgroup.controllers"
        found |= set(listed.read_text().split()) if listed.exists() else {hierarchy.name, *hierarchy.name.split(",")}
    return found


class ControlGroups:
    """The groups named ``name`` at the root of each hierarchy."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def cgroup_procs(self) -> list[Path]:
        """The files into which a process of the node writes its number to join the groups."""
        return [hierarchy / self.name / SYSTEM / "cgroup.procs" for hierarchy in hierarchies()]

    def ensure(self) -> None:
        """Create the groups."""
        for hierarchy in hierarchies():
            for parent, group in (
                (hierarchy, hierarchy / self.name),
                (hierarchy / self.name, hierarchy / self.name / SYSTEM),
            ):
                _delegate(parent)
                group.mkdir(exist_ok=True)
                for setting in (
                    "cpuset.cpus",
                    "cpuset.mems",
                ):  # empty in a new group of version 1, which then takes no process
                    if (group / setting).exists() and not (group / setting).read_text().strip():
                        (group / setting).write_text((parent / setting).read_text())

    def processes(self) -> set[int]:
        """The numbers of all processes in the groups, pods included."""
        return {int(pid) for group in self._groups() for pid in _read(group / "cgroup.procs").split()}

    def remove(self, seconds: float = 15) -> None:
        """Kill all processes in the groups, and remove the groups.

        Raises:
            RuntimeError: a process or a group is still there after ``seconds``.
        """
        end = time.monotonic() + seconds
        while pids := self.processes():
            if time.monotonic() > end:
                raise RuntimeError(f"processes {sorted(pids)} do not end, even after SIGKILL")
            for pid in pids:
                self._kill(pid)
            time.sleep(0.05)
        while groups := list(self._groups()):
            for group in groups:
                try:
                    group.rmdir()
                except OSError as error:  # a group that has just become empty may still be busy
                    if time.monotonic() > end:
                        raise RuntimeError(f"{group} cannot be removed: {error.strerror}") from error
            time.sleep(0.02)

    def _kill(self, pid: int) -> None:
        """Kill by a pidfd. The group is checked after it was opened, since the number may belong to another process by now."""
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
        """Our groups and all groups below them, the deepest first."""
        for hierarchy in hierarchies():
            for folder, _, _ in os.walk(hierarchy / self.name, topdown=False):
                yield Path(folder)


def _delegate(group: Path) -> None:
    """Enable this group's controllers for the groups below it, as version 2 requires."""
    available = _read(group / "cgroup.controllers").split()
    missing = set(available) - set(_read(group / "cgroup.subtree_control").split())
    for controller in sorted(missing):
        (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # the group is gone, or of the other version
        return ""
