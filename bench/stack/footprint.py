"""The memory and processors that a local stack uses: control plane, node and pods, by the names of their programs."""

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import processes
from tools.node_host import NodeHost

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Footprint:
    """``memory`` is proportional set size (Pss) in bytes, ``cores`` are processor seconds per second."""

    memory: Mapping[str, int]
    cores: Mapping[str, float]

    @property
    def total_memory(self) -> int:
        return sum(self.memory.values())

    @property
    def total_cores(self) -> float:
        return sum(self.cores.values())


def measure_footprint(repository: Path, seconds: float) -> Footprint:
    """The footprint of the stack that runs from ``repository``: its memory at the end of the time, and the processors during it."""
    before = {pid: _cpu_seconds(pid) for pid in _processes(repository)}
    begun = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begun
    memory, cores = defaultdict[str, int](int), defaultdict[str, float](float)
    for pid in _processes(repository):
        name, used = _name(pid), _cpu_seconds(pid)
        memory[name] += _proportional_memory(pid)
        cores[name] += max(0.0, used - before.get(pid, 0.0)) / passed
    return Footprint(dict(memory), dict(cores))


def _processes(repository: Path) -> set[int]:
    cluster = repository / ".local/cluster"
    found = NodeHost(cluster / "node").groups.processes()
    for file in [*cluster.glob("run/*.pid"), *cluster.glob("node/run/*.pid")]:
        process = processes.read(file)
        found |= {process.pid} if process is not None else set()
    return found


def _name(pid: int) -> str:
    return _read(pid, "comm").strip() or "ended"


def _cpu_seconds(pid: int) -> float:
    """The processor seconds of a process so far."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _proportional_memory(pid: int) -> int:
    lines = [line.split() for line in _read(pid, "smaps_rollup").splitlines() if line.startswith("Pss:")]
    return int(lines[0][1]) * 1024 if lines else 0


def _read(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text()
    except OSError:  # it has ended
        return ""
