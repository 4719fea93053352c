"""The real program under the plain ``pulumi`` command, against a real API server."""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import required_inputs
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.kubernetes_objects import identity, listed
from tests.support.repository import edit
from tests.support.workspace import STATE_AT_THE_END, Workspace

STACKS = ("local", "dev", "prod")


def change(stack: Workspace, **settings: Any) -> None:
    """Change settings in the stack's file; a mapping is merged into the one that is there."""
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    values = yaml.safe_load(file.read_text())
    for key, value in settings.items():
        before = values["config"].get(f"atlas:{key}", {})
        values["config"][f"atlas:{key}"] = {**before, **value} if isinstance(value, dict) else value
    file.write_text(yaml.safe_dump(values, sort_keys=False))


def prepare(stack: Workspace) -> Workspace:
    """What its user gives: in production secrets and images. And no waiting for pods: the embedded cluster has no node."""
    change(stack, cluster={"waitForReady": False})
    if stack.stack == "prod":
        change(stack, images=required_inputs.images())
    for key, value in required_inputs.secret_settings(stack.stack).items():
        stack.run("config", "set", "--secret", key, value)
    return stack


def settled(outcome: Any) -> None:
    assert dict(outcome.changes) == {}, f"{outcome.steps}\n{outcome.output}"


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_goes_up_settles_and_leaves_nothing(
    stack: str, program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    kubeconfig = clean_cluster.kubeconfig_as(f"atlas-{stack}")
    one = prepare(workspace(program, stack=stack, kubeconfig=kubeconfig, environment=STATE_AT_THE_END))
    planned = {step["urn"] for step in one.preview_json()["steps"] if step["op"] == "create"}
    up = one.up()
    # The engine starts its default providers without listing them in a preview.
    created = {urn for operation, urn in up.steps if operation == "create" and "::default_" not in urn}
    assert created == planned, "a preview lists what an update creates"

    declared = [each for each in one.resources() if each["type"].startswith("kubernetes:")]
    # One that is not there is an error.
    clean_cluster.kubectl("get", "--filename=-", stdin=listed(identity(each["outputs"]) for each in declared))

    settled(one.up())
    settled(one.refresh())
    one.destroy()
    assert one.resources() == []
    left = {each["metadata"]["name"] for each in clean_cluster.objects("namespaces")}
    assert not {"observability", "trading", "node-agents"} & left
    assert not [
        each
        for each in clean_cluster.objects("clusterroles,clusterrolebindings")
        if "atlas" in each["metadata"]["name"]
    ]


def test_no_secret_is_in_clear_in_state_logs_or_objects(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    """Not with --logtostderr: the engine itself then writes down whatever passes between it and its plugins."""
    planted = secrets.token_hex(24)
    stack = workspace(program)
    stack.run("config", "set", "--secret", "atlas:grafanaAdminPassword", planted)
    said = [stack.preview_json(), stack.up("--debug").output, stack.run("stack", "output").output]
    said.append(stack.run("preview", "--diff").output)
    made = [each for each in clean_cluster.objects("secrets") if each["type"] == "Opaque"]
    values = {base64.b64decode(value).decode() for each in made for value in each["data"].values()}
    assert len(values) >= 5
    assert planted in values, "the pods get it"
    written = [path.read_bytes() for path in stack.private.rglob("*") if path.is_file() and path.name != "passphrase"]
    written.append((program / "Pulumi.local.yaml").read_bytes())
    others = json.dumps(clean_cluster.objects("configmaps,deployments,statefulsets,services,controllerrevisions"))
    for value in values:
        for form in (value, base64.b64encode(value.encode()).decode()):
            assert form not in others
            for text in said:
                at = json.dumps(text).find(form)
                assert at < 0, json.dumps(text)[max(0, at - 300) : at]
            assert not [data for data in written if form.encode() in data]


def test_a_wrong_configuration_is_one_message_and_creates_nothing(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    stack = workspace(program)
    edit(program / "Pulumi.local.yaml", "samplingPercentage: 100", "samplingPercent: 100")
    up = stack.up(check=False)
    assert up.rc != 0
    assert "local: collector.samplingPercent: is not a setting, did you mean collector.samplingPercentage?" in up.output
    assert "Traceback" not in up.output
    assert not [each for each in stack.resources() if each["type"].startswith("kubernetes:")]


def test_another_context_than_the_named_one_is_never_used(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    stack = workspace(program, kubeconfig=clean_cluster.kubeconfig_as("somebody-elses"))
    up = stack.up(check=False)
    assert up.rc != 0
    assert "atlas-local" in up.output
    assert not [each for each in clean_cluster.objects("namespaces") if each["metadata"]["name"] == "observability"]
