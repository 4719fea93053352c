"""Bounds that a kubelet would set: memory by a control group, a volume by a file system of that size."""

import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/sys/fs/cgroup/memory")


def missing_requirements() -> str | None:
    """Why bounds cannot be set here, in one line; ``None`` when they can."""
    if os.geteuid() != 0:
        return "memory and volumes can be bounded by root alone"
    if not os.access(MEMORY / "memory.limit_in_bytes", os.R_OK):
        return "there are no control groups of version 1 here, by which memory is bounded"
    return None


@dataclass(frozen=True)
class MemoryBound:
    """``through`` starts a command inside of it."""

    folder: Path

    @property
    def through(self) -> Sequence[str]:
        return ("sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs"))

    @property
    def kills(self) -> int:
        """How often the kernel killed a process in it for want of memory."""
        told = dict(line.split() for line in (self.folder / "memory.oom_control").read_text().splitlines())
        return int(told["oom_kill"])

    @property
    def peak(self) -> int:
        """The most memory that was in use, files in the page cache with it."""
        return int((self.folder / "memory.max_usage_in_bytes").read_text())


@contextmanager
def memory_of(size: int) -> Iterator[MemoryBound]:
    """A control group of ``size`` bytes without swap."""
    folder = MEMORY / f"atlas-{uuid.uuid4().hex[:12]}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(size))
        yield MemoryBound(folder)
    finally:
        folder.rmdir()


@contextmanager
def volume_of(size: int, folder: Path) -> Iterator[Path]:
    """A file system of ``size`` bytes at ``folder``."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "atlas-drill", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path, leaving: int = 0) -> None:
    """Whatever is left on the file's volume, but for ``leaving`` bytes."""
    volume = os.statvfs(file.parent)
    size = volume.f_bavail * volume.f_frsize - leaving
    with file.open("wb", buffering=0) as opened, suppress(OSError):
        while not leaving or opened.tell() < size:
            opened.write(b"\0" * (1 << 20))
