"""Fixtures of the tests of tools/: the modules there are imported as the scripts do it, from their own folder."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/engine")]

from harness import EmbeddedCluster  # noqa: E402


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
