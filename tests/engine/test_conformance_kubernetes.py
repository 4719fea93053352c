"""The Kubernetes stand-in, asked what the official plugin was asked: it must announce, do and store the same."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine.recordings import announced, copy_of, making, ordered, recording, resource_of, shape, stored, together
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.waiting import wait_until
from tests.support.workspace import Outcome, Workspace

OPERATIONS = recording("operations")
ORDERS = recording("update-order")
OBJECTS = recording("objects")
KEYS = ("detailedDiff", "diffReasons", "replaceReasons")
REFUSED = {"pvc-size", "statefulset-volume-size"}
"""Changes that the API server itself refuses, in a dry run too: the claim is not bound, a volume template is fixed."""
CHANGES = [name for name in OPERATIONS if name not in {"create", "unchanged"}]
UPDATES = [name for name in ORDERS if not name.startswith("back from ")]
AT_ONCE = 3


@dataclass(frozen=True)
class Deployed:
    """The recorded program, deployed, with what every change to it announced."""

    stack: Workspace
    first: Outcome
    previews: dict[tuple[str, ...], Outcome]
    objects: dict[tuple[str, str], dict[str, Any]]
    ids: dict[str, str]


def _revised(cluster: EmbeddedCluster) -> bool:
    """Whether every Deployment has its first revision."""
    found = json.loads(cluster.kubectl("get", "deployments", "--namespace=conformance", "--output=json").stdout)
    revisions = [
        each["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") for each in found["items"]
    ]
    return bool(revisions) and None not in revisions


@pytest.fixture(scope="module")
def deployed(
    cluster: EmbeddedCluster, workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    folder = copy_of("kubernetes", tmp_path_factory.mktemp("conformance") / "kubernetes")
    access = {"CONFORMANCE_KUBECONFIG": str(cluster.kubeconfig)}
    stack = workspace(folder, stack="c", environment=access)
    first = stack.run("preview", "--json", "--diff")
    stack.up()
    ids = {resource_of(found["urn"]): found["id"] for found in stack.resources() if found.get("id")}
    wait_until(lambda: _revised(cluster))  # by the controller manager, a moment after the update
    kinds = sorted({wanted["kind"] for wanted in OBJECTS["objects"]})
    found = cluster.kubectl(
        "get", ",".join(kinds), "--namespace", "conformance", "--output", "json", "--show-managed-fields"
    )
    objects = {(item["kind"], shape(item["metadata"]["name"])): item for item in json.loads(found.stdout)["items"]}

    def ask(names: tuple[str, ...]) -> Outcome:
        return stack.run("preview", "--json", "--diff", environment=making(names), check=False)

    accepted = together({name: OPERATIONS[name] for name in CHANGES if name not in REFUSED})
    runs = [(), *[(name,) for name in sorted(REFUSED)], *[tuple(names) for names in accepted]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        previews = dict(zip(runs, pool.map(ask, runs), strict=True))
    yield Deployed(stack, first, previews, objects, ids)
    stack.destroy()


def by_resource(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(steps, key=lambda step: step["resource"])


def test_the_first_preview_announces_what_the_official_plugin_announced(deployed: Deployed) -> None:
    assert announced(deployed.first, KEYS) == by_resource(OPERATIONS["create"])


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_announces_what_the_official_plugin_announced(deployed: Deployed, name: str) -> None:
    preview = next(preview for names, preview in deployed.previews.items() if name in names)
    resources = {step["resource"] for step in OPERATIONS[name]}
    steps = [step for step in announced(preview, KEYS) if step["resource"] in resources]
    assert steps == by_resource(OPERATIONS[name])
    assert (preview.rc != 0) == (name in REFUSED), preview.output


def test_no_change_announces_more_than_the_official_plugin_announced(deployed: Deployed) -> None:
    for names, preview in deployed.previews.items():
        recorded = {step["resource"] for name in names for step in OPERATIONS[name]}
        assert {step["resource"] for step in announced(preview, KEYS)} == recorded


@pytest.mark.parametrize(
    "wanted", OBJECTS["objects"], ids=lambda wanted: f"{wanted['kind']}-{wanted['metadata']['name']}"
)
def test_an_object_is_stored_as_the_official_plugin_stored_it(deployed: Deployed, wanted: dict[str, Any]) -> None:
    found = deployed.objects[wanted["kind"], shape(wanted["metadata"]["name"])]
    assert shape(stored(found)) == shape(wanted)


def test_every_object_has_one_field_manager_of_its_own(deployed: Deployed) -> None:
    wanted = [deployed.objects[item["kind"], shape(item["metadata"]["name"])] for item in OBJECTS["objects"]]
    managers = [entry["manager"] for found in wanted for entry in stored(found)["pulumiFields"]]
    assert len(set(managers)) == len(managers) == len(wanted)
    assert all(re.fullmatch(r"pulumi-kubernetes-[0-9a-f]{8}", manager) for manager in managers)


def test_resources_have_the_ids_that_the_official_plugin_gives(deployed: Deployed) -> None:
    found = {resource: identity for resource, identity in deployed.ids.items() if resource.startswith("kubernetes:")}
    assert shape(found) == shape(OBJECTS["ids"])


@pytest.fixture(scope="module")
def updates(deployed: Deployed) -> dict[str, list[dict[str, str]]]:
    """The events of updates that make the recorded changes, and of those that take them back."""
    events: dict[str, list[dict[str, str]]] = {}
    for names in together({name: ORDERS[name] for name in UPDATES}):
        there, back = deployed.stack.up(environment=making(names)), deployed.stack.up()
        for name in names:
            events |= {name: ordered(there.events), f"back from {name}": ordered(back.events)}
    return events


@pytest.mark.parametrize("name", ORDERS)
def test_an_update_does_its_steps_in_the_official_order(updates: dict[str, list[dict[str, str]]], name: str) -> None:
    resources = {event["resource"] for event in ORDERS[name]}
    assert [event for event in updates[name] if event["resource"] in resources] == ORDERS[name]
