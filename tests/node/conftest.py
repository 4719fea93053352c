"""Fixtures of the node's tests: embedded clusters whose pods really run. All of it needs root; without it the suite says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.machine import settings_of_machine
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.machine import missing
from tools import node_requirements


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    if issues := node_requirements.missing():
        missing(node_requirements.message(issues))


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """A cluster with a node that no other test has."""
    with EmbeddedCluster(tmp_path / "cluster", node=True).running() as embedded:
        yield embedded


@pytest.fixture(scope="session")
def new_machine() -> dict[str, str]:
    """This machine's settings as they were before the session's cluster."""
    return settings_of_machine()


@pytest.fixture(scope="session")
def cluster(new_machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """The session's cluster with a node."""
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster"), node=True).running() as embedded:
        yield embedded
