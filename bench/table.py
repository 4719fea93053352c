"""Results as a small Markdown table, and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.machinery import ModuleSpec
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import cast

from bench.benchmarks import Result

HEADER = ("what", "ours", "against", "theirs", "ratio", "spread", "processors", "memory, ours : theirs")
JUDGED_ROUNDS = 3
"""The fewest rounds from which a goal is judged."""


def seconds(value: float) -> str:
    """A time in seconds, or in milliseconds when it is short."""
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


def mebibytes(value: int) -> str:
    """Bytes in MiB, with one decimal when there are few."""
    return f"{value / 2**20:.{0 if value >= 10 * 2**20 else 1}f} MiB"


def cells(row: Result) -> tuple[str, ...]:
    """One row of the table."""
    low, high = row.time.spread
    return (
        row.what,
        seconds(statistics.median(row.time.ours)),
        row.against,
        seconds(statistics.median(row.time.theirs)),
        f"{row.time.ratio:.2f}{goal_note(row)}",
        f"{low:.2f} to {high:.2f}",
        f"{row.cpu.ratio:.2f}",
        " : ".join(mebibytes(peak) for peak in row.memory),
    )


def goal_note(row: Result) -> str:
    """Whether the goal is met. Empty when there is no goal, or too few rounds to judge it."""
    if row.goal is None or len(row.ours) < JUDGED_ROUNDS:
        return ""
    return f" ({'meets' if row.time.ratio <= row.goal else 'misses'} {row.goal})"


def markdown(rows: Iterable[Result]) -> str:
    """All results as an aligned table."""
    lines = [HEADER, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]])


@dataclass(frozen=True)
class Machine:
    """The machine and its load. Without compiled bytecode, every plugin and program compiles its imports each time."""

    cpus: int
    python: str
    load: float
    compiled: bool

    @staticmethod
    def now() -> "Machine":
        largest = Path(str(cast(ModuleSpec, find_spec("pulumi_kubernetes")).origin)).parent / "core/v1/_inputs.py"
        compiled = Path(cache_from_source(str(largest))).exists()
        return Machine(os.cpu_count() or 1, platform.python_version(), round(os.getloadavg()[0], 1), compiled)

    @property
    def busy(self) -> float:
        """Runnable processes per core."""
        return self.load / self.cpus

    def __str__(self) -> str:
        compiled = "compiled bytecode" if self.compiled else "no compiled bytecode"
        return f"{self.cpus} cores, Python {self.python} with {compiled}"


def as_json(rows: Sequence[Result], before: Machine, after: Machine) -> str:
    """Every round of every result."""
    found = [
        {
            "what": row.what,
            "against": row.against,
            "ours": [asdict(run) for run in row.ours],
            "theirs": [asdict(run) for run in row.theirs],
            "ratio": row.time.ratio,
            "processors": row.cpu.ratio,
            "goal": row.goal,
        }
        for row in rows
    ]
    return json.dumps({"before": asdict(before), "after": asdict(after), "rows": found}, indent=1)
