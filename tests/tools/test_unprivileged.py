"""Somebody who is not root works on a named cluster with tools that another user has built: nothing else is asked for."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import missing, require_root
from tests.support.repository import ROOT, copy_repository
from tools.builds import BUILDS

PYTHON = "/usr/bin/python3"
USER = "nobody"
NEEDED = {"uv", "go", *(build.name for build in BUILDS if "engine" in build.groups)}
"""The entries of the cache that set-up may use for a named cluster."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    require_root("running as another user")
    with tempfile.TemporaryDirectory(prefix="atlas-unprivileged-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run_as_nobody(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "KUBE"))}
    path = ":".join(each for each in os.environ["PATH"].split(":") if not Path(each).is_relative_to(Path.home()))
    own = [f"HOME={folder / 'home'}", f"ATLAS_CACHE={folder / 'cache'}", f"PATH={path}", f"TMPDIR={folder / 'home'}"]
    return subprocess.run(
        ["runuser", "--user", USER, "--", "env", *own, *command],
        cwd=folder / "atlas",
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_named_cluster_needs_no_root_and_no_cache_of_ones_own(folder: Path) -> None:
    if not Path(PYTHON).exists():
        missing(f"{PYTHON} is not on this machine: no Python that every user can start")
    engine = ROOT / ".local/bin/pulumi"
    if not engine.is_symlink():
        pytest.skip("the engine is one on PATH, so nothing of the cache is used")
    for entry in engine.resolve().parents[2].iterdir():
        if entry.name.rpartition("-")[0] in NEEDED:
            shutil.copytree(entry, folder / "cache" / entry.name, symlinks=True)
    copy_repository(folder / "atlas")
    (folder / "home").mkdir()
    for path in (folder / "home", folder / "atlas", *(folder / "atlas").rglob("*")):
        shutil.chown(path, USER)

    done = run_as_nobody(folder, PYTHON, "tools/setup.py", "engine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pulumi cached" in done.stdout
    assert (folder / "atlas/.local/bin/pulumi").resolve().is_relative_to(folder / "cache")

    answer = run_as_nobody(folder, ".venv/bin/python", "tools/stack.py", "preview", "dev")
    assert answer.stderr.startswith("preview: stack dev cannot be reached:\n- KUBECONFIG must name"), answer.stderr
