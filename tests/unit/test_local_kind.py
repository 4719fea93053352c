"""`Pulumi.local-kind.yaml` is the local stack in a cluster of kind: other addresses, upstream images, the same sizes."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from catalog.images import IMAGES
from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from tests.support.repository_names import RepositoryNames
from tests.support.synthesis import ROOT, STACKS, Program, stack_configuration, synthesise
from tools.node_images import BINARIES

DIFFERING = {"context", "name", "apiServer", "nodes", "kubeletInsecure", "waitForReady"}
"""The settings of the cluster that may differ from the local stack's. All others are the same."""


def config(stack: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]


def images_of(program: Program) -> set[str]:
    pods = [pod for _, pod in (*program.pods(), *program.job_pods())]
    return {part["image"] for pod in pods for part in (*pod["containers"], *pod.get("initContainers", ()))}


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """The paths of values that are not the same."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() | theirs.keys():
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(mine, other, f"{path}[{number}]")
    elif ours != theirs:
        yield path


def test_every_stack_file_that_ships_is_one_of_those_that_are_tested() -> None:
    files = {file for file in RepositoryNames().files if file.startswith("Pulumi.") and file.count(".") == 2}

    assert files - {"Pulumi.schema.json"} == {f"Pulumi.{stack}.yaml" for stack in STACKS}


def test_its_sizes_are_those_of_the_local_stack() -> None:
    kind, local = config("local-kind"), config("local")

    assert {key for key in kind.keys() | local.keys() if kind.get(key) != local.get(key)} == {"atlas:cluster"}
    ours, theirs = kind["atlas:cluster"], local["atlas:cluster"]
    assert {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)} <= DIFFERING


def test_its_context_is_the_one_that_kind_makes() -> None:
    text = (ROOT / "docs/local-cluster.md").read_text()
    context = json.loads(stack_configuration("local-kind")["atlas:cluster"])["context"]

    assert f"kind create cluster --name {context.removeprefix('kind-')}" in text
    assert context.startswith("kind-")


def test_it_pulls_every_upstream_image_and_has_the_rest_built() -> None:
    deployed = IMAGES.keys() - {"victorialogs"}  # in whose place Loki runs
    deployed -= {COLLECTOR}
    images = images_of(synthesise("local-kind"))

    assert images == {*(IMAGES[name] for name in deployed), *(f"atlas/{name}:local" for name in (*SERVICES, COLLECTOR))}
    assert {IMAGES[name] for name in BINARIES.keys() & deployed} <= images


def test_it_declares_the_objects_of_the_local_stack_but_for_addresses() -> None:
    kind = {(each.type, each.name): each.inputs for each in synthesise("local-kind").resources}
    local = {(each.type, each.name): each.inputs for each in synthesise("local").resources}
    assert kind.keys() == local.keys()

    differing = {path for key in kind for path in differences(kind[key], local[key])}
    assert differing, "the API server's address differs at least"
    allowed = (".cidr", ".value", ".context", ".kubeconfig", "skipAwait")
    assert {path for path in differing if not path.endswith(allowed)} == set()
