"""Where a registry is reached, this machine pulls for the node, and pods run the image by its digest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.redis_pods import IMAGE, declare, pod, wait_for
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.mirror import Mirror, running_mirror
from tools.cluster import Cluster
from tools.image_loader import pull
from tools.image_sources import in_mirror
from tools.registry import canonical_name


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with running_mirror(tmp_path / "registry") as mirror:
        yield mirror


def test_a_pod_runs_what_was_pulled_by_its_digest(cluster: EmbeddedCluster, mirror: Mirror) -> None:
    node = Cluster(cluster.directory).node
    reference = in_mirror(mirror.push(IMAGE, "test/redis:7"), mirror.host)

    assert pull(node, reference) is None
    assert canonical_name(reference) in node.images()
    described = pod("pulled")
    described["spec"]["containers"][0] |= {"image": reference, "imagePullPolicy": "IfNotPresent"}
    declare(cluster, described)
    wait_for(cluster, "pulled")
    assert pull(node, f"{mirror.host}/test/none:1") == "the registry localhost does not have test/none"


def test_a_registry_that_is_not_there_is_named(cluster: EmbeddedCluster) -> None:
    node = Cluster(cluster.directory).node

    assert pull(node, "localhost:1/grafana/grafana:1") == "the registry localhost cannot be reached"
    assert "registry.invalid" in (pull(node, "registry.invalid/a/b:1") or "")
