"""The parts of a ``make`` and their times, read from the lines that it prints and when they come."""

import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.process import CommandFailed

PARTS = ("set-up", "cluster and node", "images", "objects and pods")
"""The parts of a ``make up``, one after the other."""
ENDS = (re.compile(r"\[(\d+)/\1\] .* (?!…)\S+$"), re.compile(r"cluster is "), re.compile(r"Updating \("))
"""Patterns of the last line of each part, except the last part."""
STEPS = (
    re.compile(r"\[\d+/\d+\] (?P<name>.+?) (?P<did>\S.*) in (?P<seconds>[\d.]+) s$"),
    re.compile(r"  (?P<name>\S+) (?P<did>ready|loaded|pulled|built and loaded) in (?P<seconds>[\d.]+) s$"),
    re.compile(
        r" \S+\s+\S+:(?P<kind>(?!Stack )\w+) (?P<name>\S+) (?P<did>created|updated|deleted|replaced) \((?P<seconds>[\d.]+)s\)"
    ),
)
"""Patterns of the lines by which our tools and the engine report a finished step."""


@dataclass(frozen=True)
class MakeRun:
    """One run of ``make``: its lines, each with the seconds after which it came, and the seconds of the whole run."""

    lines: tuple[tuple[float, str], ...]
    seconds: float

    @property
    def parts(self) -> Mapping[str, float]:
        """The seconds of each part of a ``make up``. They add up to those of the whole run."""
        found: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        since, ends = 0.0, list(zip(PARTS, ENDS, strict=False))
        for at, text in self.lines:
            if ends and ends[0][1].match(text):
                found[ends.pop(0)[0]], since = at - since, at
        found[PARTS[-1]] = self.seconds - since
        return found

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """The steps with their seconds, the slowest first. The engine's steps overlap."""
        return sorted(steps(text for _, text in self.lines), key=lambda step: -step[1])


def steps(lines: Iterable[str]) -> Iterator[tuple[str, float]]:
    """The finished steps in these lines, with their seconds."""
    for text in lines:
        for pattern in STEPS:
            if found := pattern.match(text):
                name = " ".join(part for part in (found.groupdict().get("kind"), found["name"]) if part)
                yield f"{name} {found['did']}", float(found["seconds"])
                break


def run_make(folder: Path, target: str, environment: Mapping[str, str]) -> MakeRun:
    """Run ``make`` in a copy of the repository.

    Raises:
        CommandFailed: holds the last lines.
    """
    began, lines = time.monotonic(), list[tuple[float, str]]()
    with subprocess.Popen(
        ["make", target],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            lines.append((time.monotonic() - began, line.rstrip("\n")))
    if process.returncode != 0:
        raise CommandFailed("\n".join([f"make {target} failed:", *(text for _, text in lines[-20:])]))
    return MakeRun(tuple(lines), time.monotonic() - began)
