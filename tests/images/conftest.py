"""Fixtures of the images' tests: this clone's own engine with its bases, and images that a real ``pulumi up`` built there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from tests.images.building import Built, Program
from tests.support.machine import require_program, require_root
from tests.support.workspace import Workspace
from tools import images as images_tool
from tools.docker import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """This clone's own engine, so that its bases and caches serve; it is left as it was found."""
    require_root("a Docker engine of this clone's own")
    for program, package in {"dockerd": "docker.io", "debootstrap": "debootstrap"}.items():
        require_program(program, package)
    with Engine().running() as own:
        yield own


@pytest.fixture(scope="session")
def bases(engine: Engine) -> dict[str, str]:
    """The base images by their settings; the first time, making them takes minutes."""
    return images_tool.make_bases(engine)


@pytest.fixture(scope="session")
def workspace(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Workspace]:
    """``workspace(folder)`` makes a stack for the program in ``folder``, which builds in the engine."""

    def make(folder: Path) -> Workspace:
        private = tmp_path_factory.mktemp("stack")
        return Workspace(folder, private, stack="images", environment={"DOCKER_HOST": engine.host}).init()

    return make


@pytest.fixture(scope="session")
def reference(
    engine: Engine,
    bases: dict[str, str],
    workspace: Callable[[Path], Workspace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Built]:
    """The images of the reference services, and of our Collector where ATLAS_TEST_COLLECTOR asks for it."""
    collector = os.environ.get("ATLAS_TEST_COLLECTOR", "") == "1"
    only = [*SERVICES, *([COLLECTOR] if collector else [])]
    program = Program(tmp_path_factory.mktemp("reference"), {"enabled": True, "bases": bases, "only": only})
    yield from program.built(engine, workspace)


@pytest.fixture(scope="session")
def flawed(
    engine: Engine,
    bases: dict[str, str],
    workspace: Callable[[Path], Workspace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Built]:
    """The images of a checkout that has the real platform's flaws, and secrets in every place."""
    program = Program(tmp_path_factory.mktemp("flawed"), {"enabled": True, "bases": bases})
    program.plant()
    yield from program.built(engine, workspace)
