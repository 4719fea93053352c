"""What a Node service's source lacks, and the package.json to build it with."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from image_build.context import allowed_files
from image_build.issues import CheckoutIssue

TYPED = (".ts", ".tsx")


def find_node_issues(service: str, folder: Path, known: Mapping[str, str]) -> Iterator[CheckoutIssue]:
    """Everything that the source in ``folder`` lacks. ``known`` maps packages to the version that may be added."""
    described = _described(folder)
    if described is None:
        yield CheckoutIssue(
            service=service, what="package.json is missing or no JSON object", fix="npm init", fatal=True
        )
        return
    if "build" not in described.get("scripts", {}):
        yield CheckoutIssue(service=service, what="package.json has no script called build", fix="add one", fatal=True)
    locked = (folder / "package-lock.json").is_file()
    if not locked:
        what = "there is no package-lock.json: versions are chosen while building, and two builds may differ"
        yield CheckoutIssue(service=service, what=what, fix="npm install --package-lock-only, and commit the file")
    if missing := _missing(described, folder, known):
        added = ", ".join(f"{name}@{known[name]}" for name in missing)
        done = "not added, as there is a lock file" if locked else "added"
        what = f"package.json does not name what the build needs; {done}: {added}"
        yield CheckoutIssue(
            service=service, what=what, fix=f"npm install --save-dev {added.replace(',', '')}", fatal=locked
        )


def package_json(folder: Path, known: Mapping[str, str]) -> bytes | None:
    """package.json with what it lacks; None where it is right, or locked, as it is."""
    described = _described(folder)
    if described is None or (folder / "package-lock.json").is_file():
        return None
    missing = _missing(described, folder, known)
    if not missing:
        return None
    described["devDependencies"] = described.get("devDependencies", {}) | {name: known[name] for name in missing}
    return json.dumps(described, indent=2).encode()


def _described(folder: Path) -> dict[str, Any] | None:
    try:
        described = json.loads((folder / "package.json").read_text())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], described) if isinstance(described, dict) else None


def _missing(described: Mapping[str, Any], folder: Path, known: Mapping[str, str]) -> list[str]:
    """TypeScript, and the types of what the service uses, where its source is written in it."""
    named = {**described.get("dependencies", {}), **described.get("devDependencies", {})}
    if not any(file.suffix in TYPED for file in allowed_files(folder)):
        return []
    needed = ["typescript", "@types/node", *(["@types/react"] if "react" in named else [])]
    return sorted(name for name in needed if name not in named and name in known)
