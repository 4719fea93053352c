"""Checks of a Node service's source, and the package.json to build it with."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from image_build.context import allowed_files
from image_build.issues import CheckoutIssue

TYPESCRIPT = (".ts", ".tsx")


def find_node_issues(service: str, folder: Path, addable: Mapping[str, str]) -> Iterator[CheckoutIssue]:
    """Everything that is wrong with the source in ``folder``. ``addable`` maps packages to the version that may be added."""
    package = _package(folder)
    if package is None:
        yield CheckoutIssue(
            service=service, what="package.json is missing or no JSON object", fix="npm init", fatal=True
        )
        return
    if "build" not in package.get("scripts", {}):
        yield CheckoutIssue(service=service, what="package.json has no script called build", fix="add one", fatal=True)
    locked = (folder / "package-lock.json").is_file()
    if not locked:
        what = "there is no package-lock.json: versions are chosen while building, and two builds may differ"
        yield CheckoutIssue(service=service, what=what, fix="npm install --package-lock-only, and commit the file")
    if missing := _missing(package, folder, addable):
        added = ", ".join(f"{name}@{addable[name]}" for name in missing)
        action = "not added, as there is a lock file" if locked else "added"
        what = f"package.json does not name what the build needs; {action}: {added}"
        yield CheckoutIssue(
            service=service, what=what, fix=f"npm install --save-dev {added.replace(',', '')}", fatal=locked
        )


def package_json(folder: Path, addable: Mapping[str, str]) -> bytes | None:
    """package.json with the packages that it lacks; None where it lacks none, or has a lock file."""
    package = _package(folder)
    if package is None or (folder / "package-lock.json").is_file():
        return None
    missing = _missing(package, folder, addable)
    if not missing:
        return None
    package["devDependencies"] = package.get("devDependencies", {}) | {name: addable[name] for name in missing}
    return json.dumps(package, indent=2).encode()


def _package(folder: Path) -> dict[str, Any] | None:
    try:
        package = json.loads((folder / "package.json").read_text())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], package) if isinstance(package, dict) else None


def _missing(package: Mapping[str, Any], folder: Path, addable: Mapping[str, str]) -> list[str]:
    """Packages that a TypeScript source needs to build and package.json does not name. Sorted."""
    named = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    if not any(file.suffix in TYPESCRIPT for file in allowed_files(folder)):
        return []
    needed = ["typescript", "@types/node", *(["@types/react"] if "react" in named else [])]
    return sorted(name for name in needed if name not in named and name in addable)
