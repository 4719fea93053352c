"""Fixtures of the tests with the real engine and a real API server; the developer's cluster, state and access stay untouched."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.engine.declared import PROGRAM, Declared
from tests.engine.recordings import copy_of
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import copy_program
from tests.support.workspace import Workspace


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A control plane of this test session's own, on free ports; it ends with the session."""
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")).running() as embedded:
        yield embedded


@pytest.fixture
def clean_cluster(cluster: EmbeddedCluster) -> Iterator[EmbeddedCluster]:
    """The session's cluster, emptied after the test."""
    yield cluster
    cluster.clean()


@pytest.fixture(scope="session")
def workspace(cluster: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workspace]:
    """``workspace(folder, stack="local", kubeconfig=None, environment=None)`` makes a new stack of the project in ``folder``."""

    def make(
        folder: Path,
        stack: str = "local",
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Workspace:
        access = {"KUBECONFIG": str(kubeconfig or cluster.kubeconfig)}
        private = tmp_path_factory.mktemp("stack")
        return Workspace(folder, private, stack=stack, environment={**access, **(environment or {})}).init()

    return make


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of the repository's program, free to edit."""
    return copy_program(tmp_path / "atlas")


@pytest.fixture(scope="module")
def declared(workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Declared]:
    """One stack for all tests: what one leaves is deleted by the first update of the next, and at last by a destroy."""
    made = Declared(workspace(copy_of(PROGRAM, tmp_path_factory.mktemp("conformance") / "declared"), stack="d"))
    yield made
    made.stack.destroy()
