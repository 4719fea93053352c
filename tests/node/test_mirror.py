"""`make up` where a registry has the images: none of them is built, and all pods run what was pulled."""

import re
from pathlib import Path
from typing import Any

from components.platform_services import SERVICES
from tests.e2e.deployed_copy import copied
from tests.support.embedded_cluster import SYSTEM_NAMESPACES, EmbeddedCluster
from tests.support.mirror import running_mirror
from tests.support.repository import ROOT, edit, make
from tools import node_images


def test_what_a_mirror_has_is_pulled_and_not_built(tmp_path: Path) -> None:
    copy, images = tmp_path / "atlas", node_images.all_images(ROOT / ".local/bin")
    copied(copy)
    pins = copy / "images/upstream.yaml"
    with running_mirror(tmp_path / "registry") as mirror:
        pins.write_text(mirror.fill(images, pins.read_text()))
        # Services are made with a Docker engine in any case, which is no part of this test: nobody has their images.
        absent = "".join(f"    {name}: {mirror.host}/absent/{name}:1\n" for name in SERVICES)
        own = "    otel-collector: atlas/otel-collector:local # built on this machine\n"
        edit(copy / "Pulumi.local.yaml", own, absent)
        edit(copy / "Pulumi.local.yaml", "  atlas:collector:\n", "  atlas:collector:\n    distribution: upstream\n")
        try:
            said = make(copy, "up", ATLAS_REGISTRY=mirror.host).stdout
            pods = EmbeddedCluster(copy / ".local/cluster", node=True).objects("pods")
        finally:
            make(copy, "wipe", check=False)

    total = len(re.findall(r"^[a-z-]+: ", pins.read_text(), re.MULTILINE)) + len(SERVICES)
    assert f"images: {len(images)} of {total} can be pulled" in said, said[-5000:]
    assert _built_in(said) == set()
    assert _loaded_in(said) & {image.name for image in images} == set()
    ours = [pod for pod in pods if pod["metadata"]["namespace"] not in SYSTEM_NAMESPACES]
    running = {container["image"] for pod in ours for container in pod["spec"]["containers"]}
    assert len(running) == len(images)
    assert {image.partition("/")[0] for image in running} == {mirror.host}
    assert [pod["metadata"]["name"] for pod in ours if not _is_ready(pod)] == []


def _built_in(said: str) -> set[str]:
    """The programs of pods' images among what set-up provided."""
    return set(re.findall(r"^\[\d+/\d+\] (\S+) ", said, re.MULTILINE)) & set(node_images.BINARIES.values())


def _loaded_in(said: str) -> set[str]:
    """The images that were made for the node."""
    return set(re.findall(r"^  atlas/([a-z-]+):\S+ loaded", said, re.MULTILINE))


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
