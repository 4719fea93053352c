"""The recordings of the official plugins, and runs of the stand-ins reduced to the same shape."""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.repository import ROOT
from tests.support.workspace import Outcome

FOLDER = Path(__file__).parent / "conformance"
_VOLATILE = {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
_SHAPES = (
    (re.compile(r"-[0-9a-f]{8}$"), "-********"),
    (re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"), "<uuid>"),
    (re.compile(r"^10\.\d+\.\d+\.\d+$"), "<address>"),
)


def recording(name: str) -> Any:
    """What the official plugin answered."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def copy_of(program: str, target: Path) -> Path:
    """A copy of a recorded program, to run in a folder of its own with the repository's environment."""
    shutil.copytree(FOLDER / program, target)
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


def ordered(events: tuple[dict[str, Any], ...]) -> list[dict[str, str]]:
    """The engine's events about resources that change, in their order."""
    found: list[dict[str, str]] = []
    for event in events:
        for name in ("resourcePreEvent", "resOutputsEvent"):
            if name in event and event[name]["metadata"]["op"] != "same":
                about = event[name]["metadata"]
                found.append({"event": name, "op": about["op"], "resource": resource_of(about["urn"])})
    return found


def stored(obj: dict[str, Any]) -> dict[str, Any]:
    """An object of the API server's without what differs from run to run, with what the provider's managers own."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _VOLATILE}
    managers = [
        {key: entry[key] for key in ("fieldsV1", "manager", "operation")}
        for entry in obj["metadata"].get("managedFields", [])
        if entry["manager"].startswith("pulumi-kubernetes")
    ]
    rest = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    return {**rest, "metadata": metadata, "pulumiFields": managers}


def shape(value: Any) -> Any:
    """The value with random digits, identifiers and addresses replaced by what kind of thing they are."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str):
        for pattern, kind in _SHAPES:
            value = pattern.sub(kind, value)
    return value
