"""The services' images get into kind: built by the user's Docker engine under the stack file's names, and loaded there."""

import os
from pathlib import Path

import pytest
import yaml

from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from tests.support.repository import ROOT
from tools import kind_images
from tools.progress import SetupError

CONFIG = yaml.safe_load((ROOT / "Pulumi.local-kind.yaml").read_text())["config"]


def stand_in(folder: Path, name: str, script: str = "") -> None:
    """A command that notes how it was called."""
    command = folder / name
    command.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/called\n{script}\n')
    command.chmod(0o755)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of PATH, with stand-ins for docker and kind."""
    for name in ("docker", "kind"):
        stand_in(tmp_path, name)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_each_image_is_built_under_its_name_and_loaded(commands: Path) -> None:
    kind_images.load_images(CONFIG)
    *builds, load = (commands / "called").read_text().splitlines()

    names = [*SERVICES, COLLECTOR]
    assert load == f"kind load docker-image --name=atlas {' '.join(f'atlas/{name}:local' for name in names)}"
    for name, build in zip(names, builds, strict=True):
        assert build.startswith(f"docker build --target={name} --tag=atlas/{name}:local ")
        assert (Path(build.split()[-1]) / "Dockerfile").is_file()
        assert "--build-arg" not in build, "base images are the Dockerfiles' own"


def test_base_images_of_the_stack_file_are_used(commands: Path) -> None:
    bases = {"nodeBuilder": "mine/node:1", "pythonRuntime": "mine/python:1"}
    kind_images.load_images(CONFIG | {"atlas:build": {"bases": bases}})
    called = (commands / "called").read_text()

    assert "--build-arg=NODE_BUILDER=mine/node:1" in called
    assert "--build-arg=PYTHON_RUNTIME=mine/python:1" in called


def test_a_cluster_that_is_not_there_is_told_with_its_fix(commands: Path) -> None:
    stand_in(commands, "kind", "echo 'ERROR: no nodes found for cluster' >&2; exit 1")
    with pytest.raises(SetupError, match=r"no nodes found for cluster(?s:.*)fix: kind create cluster --name atlas"):
        kind_images.load_images(CONFIG)


def test_programs_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError) as refusal:
        kind_images.load_images(CONFIG)

    assert "docker is not on PATH\nfix: docs.docker.com" in str(refusal.value)
    assert "kind is not on PATH\nfix: kind.sigs.k8s.io" in str(refusal.value)
