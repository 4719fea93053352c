"""Measures ``make up`` of the local stack by its parts, in a copy of the repository, and prints Markdown tables (minutes, as root).

    python bench/up/run.py [--stack FOLDER | --mirror]

It measures a first ``make up``, one without change, ``make down`` and another ``make up``, and then wipes the copy's stack. Another
copy is brought up with a mirror on the loopback address that has the images. With ``--stack`` it measures only an update without
change, of the stack that runs from that copy. The figures are written to ``.local/bench/up.json``.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.path[0] = str(root)  # instead of this folder

import argparse
import json
from collections.abc import Iterator, Mapping
from tempfile import TemporaryDirectory

from bench.process import CommandFailed
from bench.progress import log
from bench.up.parts import PARTS, MakeRun, run_make
from tests.e2e.deployed_copy import copied
from tests.support.mirror import running_mirror
from tests.support.repository import nothing_said
from tools import node_images
from tools.image_sources import VARIABLE
from tools.paths import ROOT

RESULTS = ROOT / ".local/bench"
SLOWEST = 5
DOWN = "`make down`"
"""This run has steps, but not the parts of a ``make up``."""


def measure_all() -> dict[str, MakeRun]:
    """The runs of ``make`` in the order in which a developer types them, for a stack of their own."""
    with TemporaryDirectory(prefix="bench-up-") as folder:
        copy = Path(folder) / "atlas"
        copied(copy)
        try:
            measured = {
                "new": measure("new", copy, "up"),
                "without change": measure("without change", copy, "up"),
                DOWN: measure("make down", copy, "down"),
                "after `make down`": measure("after make down", copy, "up"),
            }
        finally:
            measure("make wipe", copy, "wipe")
    return measured | {"new, with a mirror": measure_with_mirror()}


def measure_with_mirror() -> MakeRun:
    """A first ``make up`` where a registry has each image that this machine could make. Filling the registry is not measured."""
    with TemporaryDirectory(prefix="bench-up-") as folder, running_mirror(Path(folder) / "registry") as mirror:
        copy = Path(folder) / "atlas"
        copied(copy)
        pins = copy / "images/upstream.yaml"
        pins.write_text(mirror.fill(node_images.all_images(ROOT / ".local/bin"), pins.read_text()))
        try:
            return measure("new, with a mirror", copy, "up", {VARIABLE: mirror.host})
        finally:
            measure("make wipe", copy, "wipe")


def measure(name: str, copy: Path, target: str, environment: Mapping[str, str] | None = None) -> MakeRun:
    log(f"{name} …")
    done = run_make(copy, target, nothing_said() | dict(environment or {}))
    log(f"{name}: {done.seconds:.0f} s")
    return done


def tables(measured: Mapping[str, MakeRun]) -> Iterator[str]:
    yield f"| `make up`, seconds | all | {' | '.join(PARTS)} |"
    yield "|---|" + "---|" * (1 + len(PARTS))
    for name, one in measured.items():
        parts = [] if name == DOWN else [f"{seconds:.1f}" for seconds in one.parts.values()]
        yield f"| {' | '.join([name, f'{one.seconds:.1f}', *parts])} |"
    yield ""
    yield "| | slowest steps, seconds (those of objects overlap) |\n|---|---|"
    for name, one in measured.items():
        yield f"| {name} | {', '.join(f'{step} {seconds:.0f}' for step, seconds in one.slowest[:SLOWEST])} |"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure `make up` of the local stack by its parts.")
    parser.add_argument("--stack", type=Path, help="the copy whose running stack is brought up without change")
    parser.add_argument("--mirror", action="store_true", help="measure only the first `make up` with a mirror")
    chosen = parser.parse_args()
    try:
        if chosen.stack:
            measured = {"without change": measure("without change", chosen.stack, "up")}
        elif chosen.mirror:
            measured = {"new, with a mirror": measure_with_mirror()}
        else:
            measured = measure_all()
    except CommandFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    print("\n".join(tables(measured)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {
        name: {"seconds": one.seconds, "parts": one.parts, "steps": one.slowest} for name, one in measured.items()
    }
    (RESULTS / "up.json").write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
