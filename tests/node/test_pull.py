"""Where a registry is reached, this machine pulls for the node, and pods run the image by its digest."""

import hashlib
import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.redis_pods import IMAGE, bring_image, declare, pod, wait_for
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.waiting import wait_until
from tools.cluster import Cluster
from tools.image_loader import canonical_name, pull


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Debian's registry, on the loopback address alone: ``localhost:<port>``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "registry.yaml").write_text(json.dumps(settings))
    with (tmp_path / "registry.log").open("w") as log:
        server = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "registry.yaml")], stderr=log, stdout=log)
    try:
        wait_until(lambda: _answers(port))
        yield f"localhost:{port}"
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_pod_runs_what_was_pulled_by_its_digest(cluster: EmbeddedCluster, registry: str) -> None:
    node = Cluster(cluster.directory).node
    bring_image(cluster)
    ours, theirs = f"docker.io/{IMAGE.reference}", f"{registry}/mirror/redis:7"
    node.ctr("images", "tag", ours, theirs)
    node.ctr("images", "push", "--plain-http", theirs)
    node.ctr("images", "remove", theirs)
    with urllib.request.urlopen(
        urllib.request.Request(
            f"http://{registry}/v2/mirror/redis/manifests/7",
            headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        )
    ) as answer:
        digest = hashlib.sha256(answer.read()).hexdigest()
    reference = f"{theirs}@sha256:{digest}"

    assert pull(node, reference) is None
    assert canonical_name(reference) in node.images()
    described = pod("pulled")
    described["spec"]["containers"][0] |= {"image": reference, "imagePullPolicy": "IfNotPresent"}
    declare(cluster, described)
    wait_for(cluster, "pulled")
    assert "does not exist" in (pull(node, f"{registry}/mirror/none:1") or "") or "not found" in (
        pull(node, f"{registry}/mirror/none:1") or ""
    )


def test_a_registry_that_is_not_there_is_named(cluster: EmbeddedCluster) -> None:
    node = Cluster(cluster.directory).node

    assert pull(node, "localhost:1/grafana/grafana:1") == "the registry localhost cannot be reached"
    assert "registry.invalid" in (pull(node, "registry.invalid/a/b:1") or "")
