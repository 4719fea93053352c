"""A service that is added by its folder and its entry alone is built, and its image runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.platform_services import SERVICES
from tests.images import new_services
from tests.images.building import Built, Program
from tests.images.containers import healthy
from tests.support.workspace import Workspace
from tools.docker import Engine

pytestmark = pytest.mark.slow

ENTRIES = """
from components.platform_services import SERVICES

from tests.images import new_services

SERVICES.update(new_services.SERVICES)
"""


@pytest.fixture(scope="module")
def built(
    engine: Engine,
    bases: dict[str, str],
    workspace: Callable[[Path], Workspace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Built]:
    """The images of the new services; all others come from elsewhere."""
    folder = tmp_path_factory.mktemp("new")
    new_services.write(folder / "services")
    images = {name: f"registry.example.com/{name}:1" for name in SERVICES}
    yield from Program(folder, {"enabled": True, "bases": bases}, images, ENTRIES).built(engine, workspace)


def test_only_the_new_images_are_built(built: Built) -> None:
    assert built.references.keys() == new_services.SERVICES.keys()


@pytest.mark.parametrize("service", new_services.SERVICES)
def test_it_starts_hardened_and_its_own_health_check_succeeds(service: str, built: Built) -> None:
    assert healthy(built.engine, built.references[service], ())


def test_its_image_says_what_its_entry_says(built: Built) -> None:
    config = built.contents("feed").config["Config"]
    assert config["ExposedPorts"].keys() == {"7001/tcp", "9200/tcp"}
    assert {"FEED_PORT=7001", "METRICS_PORT=9200", "OTEL_SERVICE_NAME=feed"} <= set(config["Env"])
    assert config["Entrypoint"] == ["/usr/bin/python3", "-m", "feed.main"]
