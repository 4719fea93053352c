"""The commands that a person types, in a fresh copy of the repository."""

import base64
import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import repository
from tests.support.repository import ROOT, copy_repository
from tools.kubectl import kubectl_cache

PRIVATE = ("passphrase", "Pulumi.local.yaml", "cluster/kubeconfig")


def make(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Without a node: pods are for ``tests/node``."""
    return repository.make(folder, *arguments, check=check, NODE="no")


def processes_of(folder: Path) -> list[str]:
    """The command lines of living processes that have to do with this copy."""
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/.local" in command:
            found.append(command)
    return found


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A copy of the repository without anything that git ignores."""
    clone = copy_repository(tmp_path / "clone")
    yield clone
    if (clone / ".venv").exists():
        make(clone, "wipe", check=False)


def test_help_names_every_target_and_says_what_it_is_for() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (targets,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    texts = re.findall(r"^([^\s:#=]+):[^=\n]*?## (.+)$", makefile, re.MULTILINE)
    documented = {target: text.replace("$$", "$") for target, text in texts}  # make writes a dollar twice
    listed = dict(line.split(maxsplit=2)[1:] for line in make(ROOT, "--silent").stdout.splitlines())

    assert set(documented) == set(targets.split()), "each target is phony and has a text after ##"
    assert listed == documented
    assert listed.keys() >= {"up", "test-e2e", "help"}


@pytest.mark.slow
def test_up_up_down_and_wipe(clone: Path) -> None:
    before = {path.name: path.read_text() for path in clone.glob("Pulumi*.yaml")}
    password = secrets.token_urlsafe(24)
    (clone / "conf").mkdir()
    (clone / "conf/secrets.env").touch(mode=0o600)
    (clone / "conf/secrets.env").write_text(f"POSTGRES_PASSWORD={password}\n")
    assert password not in make(clone, "up").stdout
    for name in PRIVATE:
        assert (clone / ".local" / name).stat().st_mode & 0o777 == 0o600, name
    kubeconfig = str(clone / ".local/cluster/kubeconfig")
    path = f"{clone}/.local/bin:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **kubectl_cache(clone / ".local")}

    def deployed(kind: str) -> list[dict[str, Any]]:
        get = ["kubectl", "--kubeconfig", kubeconfig, "get", kind, "--all-namespaces", "--output", "json"]
        return json.loads(subprocess.run(get, env=environment, capture_output=True, text=True, check=True).stdout)[
            "items"
        ]

    names = {item["metadata"]["name"] for item in deployed("statefulsets")}
    assert names >= {"otel-collector", "prometheus", "jaeger"}
    assert len(names & {"loki", "victorialogs"}) == 1
    kept = {base64.b64decode(value).decode() for each in deployed("secrets") for value in each.get("data", {}).values()}
    assert password in kept, "conf/secrets.env feeds the stack"

    begun = time.monotonic()
    again = make(clone, "up").stdout
    assert re.search(r"Resources:\n +\d+ unchanged\n", again), again
    assert time.monotonic() - begun < 60
    assert "kube-apiserver" in make(clone, "status").stdout

    down = make(clone, "down").stdout
    assert re.search(r"Resources:\n +- \d+ deleted\n", down), down
    assert processes_of(clone) == []
    assert make(clone, "status", check=False).returncode != 0

    make(clone, "up")  # comes back after a down
    make(clone, "wipe")
    assert processes_of(clone) == []
    assert not (clone / ".local/cluster").exists()
    assert not (clone / ".local/passphrase").exists()
    assert {path.name: path.read_text() for path in clone.glob("Pulumi*.yaml")} == before


@pytest.mark.slow
def test_a_wiped_cluster_is_filled_again(clone: Path) -> None:
    make(clone, "up")
    subprocess.run([str(clone / ".venv/bin/python"), "tools/cluster.py", "wipe"], cwd=clone, check=True)
    again = make(clone, "up").stdout

    assert re.search(r"\+ \d+ created", again), again
    make(clone, "down")
