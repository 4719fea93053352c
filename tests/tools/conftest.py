"""Fixtures of the tests of tools/."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded_cluster import EmbeddedCluster


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A folder for a cluster; whatever a test leaves running there ends with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = tmp_path / "cluster"
    yield cluster
    EmbeddedCluster(cluster).command("down")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A running cluster that the tests of a module share."""
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")).running() as embedded:
        yield embedded
