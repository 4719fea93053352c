"""The repository, copies of it that a test may edit, and what is typed in them."""

import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_THE_PROGRAM = {".git", ".github", ".local", "services", "tests", "tools", "bench"}
_OF_THE_OUTER_MAKE = {"ARGS", "NODE", "STACK"}
"""What was given to the ``make`` that runs the tests, which hands it on to all that it starts."""
_MADE = {"__pycache__", ".venv", "node_modules"}
"""Folders that tools make anywhere in a clone; no copy takes them along."""


def edit(file: Path, old: str, new: str) -> None:
    """Replace what is in the file just once."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def tool_path() -> str:
    """PATH with the repository's own tools first, as ``make`` sets it."""
    return os.pathsep.join([str(ROOT / ".local/bin"), str(ROOT / ".venv/bin"), os.environ["PATH"]])


def copy_program(target: Path) -> Path:
    """A copy of the repository's program that a test may edit; the Python environment is the repository's own."""
    copy_repository(target, _NOT_THE_PROGRAM)
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


def copy_repository(target: Path, without: Collection[str] = (".git", ".local")) -> Path:
    """A copy of the repository without what tools make in it, and without these of its own folders."""

    def skipped(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _MADE or (Path(folder) == ROOT and name in without)}

    shutil.copytree(ROOT, target, ignore=skipped, symlinks=True)
    return target


def nothing_said() -> dict[str, str]:
    """The environment without what it says of stacks, clusters and an outer ``make``."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULUMI_", "KUBE", "MAKE", "MFLAGS")) and name not in _OF_THE_OUTER_MAKE
    }


def make(folder: Path, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """``make`` in a copy of the repository, as someone whose environment says nothing of stacks and clusters types it."""
    answer = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=nothing_said() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check:
        assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer
