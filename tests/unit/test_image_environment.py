"""With the environment of an image's shared stages, no interpreter imports from a place that the service's user can write."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.workload import USER
from tests.support.import_paths import NODE, PYTHON

IMAGES = Path(__file__).resolve().parents[2] / "images"
# Outside of an environment of its own, which has no packages of a user's home.
INTERPRETER = getattr(sys, "_base_executable", sys.executable)
PROGRAMS = {"python": [INTERPRETER, "-c", PYTHON], "node": [shutil.which("node") or "node", "-e", NODE]}


def environment(language: str) -> dict[str, str]:
    """Of the stage that all services of a language run as."""
    stage = (IMAGES / language / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    (line,) = [line for line in stage.splitlines() if line.startswith("ENV ")]
    return dict(each.split("=", 1) for each in line.split()[1:])


def asked(language: str, variables: dict[str, str]) -> list[str]:
    # At the root, since the services' own folder belongs to root as well.
    command = [*PROGRAMS[language], str(USER)]
    told = subprocess.run(command, env=variables, cwd="/", check=True, capture_output=True, text=True).stdout
    found = json.loads(told)
    assert found["paths"]
    return found["open"]


@pytest.mark.parametrize("language", PROGRAMS)
def test_nothing_is_imported_from_where_the_services_user_can_write(language: str) -> None:
    assert asked(language, environment(language)) == []


@pytest.mark.parametrize(
    ("language", "change", "found"),
    [
        ("python", {"HOME": "/tmp", "PYTHONNOUSERSITE": ""}, "/tmp/.local/lib/"),
        ("python", {"PYTHONPATH": "/tmp"}, "/tmp"),
        ("node", {"HOME": "/tmp"}, "/tmp/.node_modules"),
        ("node", {"NODE_PATH": "/tmp"}, "/tmp"),
    ],
)
def test_a_place_that_it_can_write_is_found(language: str, change: dict[str, str], found: str) -> None:
    variables = {name: value for name, value in (environment(language) | change).items() if value}
    assert any(found in place for place in asked(language, variables))


def test_a_file_in_the_home_that_was_is_no_code_of_the_next_start(tmp_path: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / ".local/lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "usercustomize.py").write_text("print('mine')\n")
    command = [INTERPRETER, "-c", "pass"]

    def said(**change: str) -> str:
        variables = environment("python") | {"HOME": str(tmp_path)} | change
        found = {name: value for name, value in variables.items() if value}
        return subprocess.run(command, env=found, cwd="/", check=True, capture_output=True, text=True).stdout

    assert said(PYTHONNOUSERSITE="") == "mine\n", "it is looked for there"
    assert said() == ""
    assert not os.path.exists(environment("python")["HOME"])
