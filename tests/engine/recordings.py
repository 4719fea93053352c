"""The recordings of the official plugins, and runs of the stand-ins reduced to the same shape."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.repository import ROOT
from tests.support.workspace import Outcome

FOLDER = Path(__file__).parent / "conformance"


def recording(name: str) -> Any:
    """What the official plugin answered."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def copy_of(program: Path, target: Path) -> Path:
    """A copy of a program, to run in a folder of its own with the repository's environment."""
    shutil.copytree(program, target)
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


def making(changes: Iterable[str]) -> dict[str, str]:
    """The variable that makes these changes in a recorded program."""
    return {"CHANGES": " ".join(changes)}


def together(recorded: Mapping[str, list[dict[str, Any]]]) -> list[list[str]]:
    """The recorded changes in as few runs as possible: those of one run touch different resources."""
    runs: list[list[str]] = []
    touched: list[set[str]] = []
    for name, steps in recorded.items():
        resources = {step["resource"] for step in steps}
        run = next((i for i, taken in enumerate(touched) if not taken & resources), len(touched))
        if run == len(touched):
            touched.append(set())
            runs.append([])
        touched[run] |= resources
        runs[run].append(name)
    return runs


def resource_of(urn: str) -> str:
    """Type and name, as the recordings name a resource."""
    return urn.split("::", 2)[2]


def announced(preview: Outcome, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """The steps of ``pulumi preview --json``, all but ``same``, with the recorded keys only; ordered by resource."""
    document = json.loads(preview.stdout)
    steps = [
        {**{key: step.get(key) for key in keys}, "op": step["op"], "resource": resource_of(step["urn"])}
        for step in document.get("steps", [])
        if step["op"] != "same"
    ]
    return sorted(steps, key=lambda step: step["resource"])
