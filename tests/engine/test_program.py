"""The real program under the plain `pulumi` command, against a real API server."""

import json
import os
import re
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import EmbeddedCluster, Workspace

STACKS = ("local", "dev", "prod")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def without_nodes(program: Path, stack: str) -> None:
    """Do not wait for pods: the embedded cluster has no node to run them."""
    file = program / f"Pulumi.{stack}.yaml"
    values = yaml.safe_load(file.read_text())
    values["config"]["atlas:cluster"]["waitForReady"] = False
    file.write_text(yaml.safe_dump(values, sort_keys=False))


def settled(outcome: Any) -> None:
    assert dict(outcome.changes) == {}, f"{outcome.steps}\n{outcome.output}"


@pytest.fixture
def deployed(program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster) -> Workspace:
    """The local stack, up."""
    stack = workspace(program)
    stack.up()
    return stack


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_goes_up_settles_and_leaves_nothing(
    stack: str, program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    without_nodes(program, stack)
    one = workspace(program, stack=stack, kubeconfig=clean_cluster.kubeconfig_as(f"atlas-{stack}"))
    planned = {step["urn"] for step in one.preview_json()["steps"] if step["op"] == "create"}
    up = one.up()
    # The engine starts its default providers without listing them in a preview.
    created = {urn for operation, urn in up.steps if operation == "create" and "::default_" not in urn}
    assert created == planned, "a preview lists what an update creates"

    declared = [each for each in one.resources() if each["type"].startswith("kubernetes:")]
    for each in declared:
        reference = each["id"].split("/")
        kind = each["outputs"]["kind"]
        namespace = ["--namespace", reference[0]] if len(reference) == 2 else []
        clean_cluster.kubectl("get", kind, reference[-1], *namespace)

    settled(one.up())
    settled(one.refresh())
    one.destroy()
    assert one.resources() == []
    left = {each["metadata"]["name"] for each in clean_cluster.objects("namespaces")}
    assert not {"observability", "trading"} & left
    assert not [
        each
        for each in clean_cluster.objects("clusterroles,clusterrolebindings")
        if "atlas" in each["metadata"]["name"]
    ]


def test_an_edited_rule_changes_its_configmap_in_place_and_restarts_nothing(deployed: Workspace) -> None:
    edit(deployed.folder / "rules/trading_platform.yaml", "> 0.05", "> 0.06")
    up = deployed.up()
    assert [(operation, urn.rpartition("::")[2]) for operation, urn in up.steps] == [("update", "prometheus-rules")]


def test_an_edited_configuration_rolls_its_own_pods_and_no_others(deployed: Workspace) -> None:
    edit(deployed.folder / "Pulumi.local.yaml", "samplingPercentage: 100", "samplingPercentage: 50")
    assert [(op, urn.rpartition("::")[2]) for op, urn in deployed.up().steps] == [("update", "otel-collector")]
    with (deployed.folder / "config/loki/loki.yaml").open("a") as config:
        config.write("\n# a remark\n")
    steps = [(op, urn.rpartition("::")[2]) for op, urn in deployed.up().steps]
    assert steps == [
        ("create-replacement", "loki-config"),
        ("replace", "loki-config"),
        ("update", "loki"),
        ("delete-replaced", "loki-config"),
    ]


def test_rotation_replaces_the_generated_secrets_and_rolls_their_user_alone(deployed: Workspace) -> None:
    deployed.run("config", "set", "atlas:rotation", "2")
    changed = {urn.rpartition("::")[2] for _, urn in deployed.up().steps}
    assert changed == {"grafana-admin-password", "grafana-secret-key", "grafana"}


def test_refresh_sees_drift_and_up_mends_it(deployed: Workspace, cluster: EmbeddedCluster) -> None:
    cluster.kubectl("delete", "networkpolicy", "default-deny", "--namespace", "trading")
    cluster.kubectl("scale", "statefulset", "loki", "--namespace", "observability", "--replicas", "3")
    seen = {urn.rpartition("::")[2] for _, urn in deployed.refresh().steps}
    assert {"trading-default-deny", "loki"} <= seen
    deployed.up()
    cluster.kubectl("get", "networkpolicy", "default-deny", "--namespace", "trading")
    (loki,) = [each for each in cluster.objects("statefulsets") if each["metadata"]["name"] == "loki"]
    assert loki["spec"]["replicas"] == 1


def test_no_secret_is_in_clear_in_state_logs_or_objects(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    planted = secrets.token_urlsafe(24)
    stack = workspace(program)
    stack.run("config", "set", "--secret", "atlas:grafanaAdminPassword", planted)
    said = [stack.preview_json(), stack.up("--logtostderr", "-v=9").output, stack.run("stack", "output").output]
    said.append(stack.run("preview", "--diff").output)
    (secret,) = [each for each in clean_cluster.objects("secrets") if each["metadata"]["name"].startswith("grafana-")]
    import base64

    values = {base64.b64decode(value).decode() for value in secret["data"].values()}
    assert planted in values, "the pods get it"
    written = [path.read_bytes() for path in stack.private.rglob("*") if path.is_file() and path.name != "passphrase"]
    written.append((program / "Pulumi.local.yaml").read_bytes())
    others = json.dumps(clean_cluster.objects("configmaps,deployments,statefulsets,services,controllerrevisions"))
    for value in values:
        for form in (value, base64.b64encode(value.encode()).decode()):
            assert form not in others
            assert not [text for text in said if form in json.dumps(text)]
            assert not [data for data in written if form.encode() in data]


def test_killed_at_ten_points_an_update_can_be_finished(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    stack = workspace(program)
    begun = time.monotonic()
    stack.up()
    seconds = time.monotonic() - begun
    stack.destroy()
    killed = 0
    for point in range(10):
        process = stack.start("up", "--yes", "--skip-preview")
        try:
            process.wait(timeout=seconds * (point + 1) / 11)
        except Exception:  # still at work, as wanted
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        stack.run("cancel", "--yes", check=False)
    assert killed >= 5, "the kills have to hit an update at work"
    stack.up()
    settled(stack.up())
    settled(stack.refresh())
    names = [
        each["metadata"]["name"]
        for each in clean_cluster.objects("configmaps,secrets")
        if each["metadata"]["namespace"] == "observability"
    ]
    auto_named = [re.sub(r"-[0-9a-f]{8}$", "", name) for name in names if re.search(r"-[0-9a-f]{8}$", name)]
    assert len(auto_named) == len(set(auto_named)), f"orphans: {sorted(names)}"


def test_a_wrong_configuration_is_one_message_and_creates_nothing(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    stack = workspace(program)
    edit(program / "Pulumi.local.yaml", "samplingPercentage: 100", "samplingPercent: 100")
    up = stack.up(check=False)
    assert up.rc != 0
    assert "local: collector.samplingPercent: is not a setting, expected did you mean samplingPercentage?" in up.output
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
