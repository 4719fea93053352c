"""What goes wrong at run time ends in one plain sentence, and leaves nothing half-made."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.waiting import wait_until
from tests.support.workspace import Outcome, Workspace


def deployed_objects(stack: Workspace) -> list[str]:
    return [each["urn"] for each in stack.resources() if each["type"].startswith("kubernetes:")]


def plain(outcome: Outcome, *sentences: str) -> None:
    """The failure says this, and shows no program's insides."""
    assert outcome.rc != 0
    for sentence in sentences:
        assert sentence in outcome.output, outcome.output
    for inside in ("Traceback", "panic:", "goroutine ", "grpc_status", "_InactiveRpcError"):
        assert inside not in outcome.output, outcome.output


@pytest.fixture
def stack(program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster) -> Workspace:
    return workspace(program)


def test_a_missing_passphrase(stack: Workspace) -> None:
    del stack.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
    plain(stack.up(check=False), "passphrase must be set with PULUMI_CONFIG_PASSPHRASE")


def test_a_wrong_passphrase(stack: Workspace) -> None:
    del stack.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
    wrong = stack.up(check=False, environment={"PULUMI_CONFIG_PASSPHRASE": "another"})
    plain(wrong, "incorrect passphrase")
    assert deployed_objects_of_state(stack) == 0


def deployed_objects_of_state(stack: Workspace) -> int:
    """Read from the file: the CLI would ask for the passphrase."""
    return sum(path.read_text().count("kubernetes:core/v1") for path in stack.state.rglob("*.json"))


def kubeconfig_with(stack: Workspace, folder: Path, fault: Callable[[dict[str, Any]], object]) -> Path:
    """The stack's kubeconfig with a fault, at another place."""
    config = yaml.safe_load(Path(stack.environment["KUBECONFIG"]).read_text())
    fault(config)
    faulty = folder / "faulty"
    faulty.touch(mode=0o600)
    faulty.write_text(yaml.safe_dump(config))
    return faulty


UNUSABLE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "nobody listens": (
        lambda config: config["clusters"][0]["cluster"].update(server="https://127.0.0.1:9"),
        "the API server of the context 'atlas-local' (atlas:cluster.context) cannot be used: ",
    ),
    "another authority": (
        lambda config: config["clusters"][0]["cluster"].update(
            {"certificate-authority-data": config["users"][0]["user"]["client-certificate-data"]}
        ),
        "certificate signed by unknown authority",
    ),
    "no credentials": (
        lambda config: config["users"][0].update(user={}),
        "the API server of the context 'atlas-local' (atlas:cluster.context) cannot be used: ",
    ),
    "credentials that ended": (
        lambda config: config["users"][0].update(user={"token": "x.y.z"}),
        "the API server of the context 'atlas-local' (atlas:cluster.context) cannot be used: ",
    ),
    "another context": (
        lambda config: config["contexts"][0].update(name="elsewhere"),
        "the kubeconfig has no context 'atlas-local' (atlas:cluster.context); set KUBECONFIG to the file that has it",
    ),
}


@pytest.mark.parametrize("command", ["preview", "up --yes --skip-preview"])
@pytest.mark.parametrize("fault", UNUSABLE)
def test_a_cluster_that_cannot_be_used_is_one_sentence_and_changes_nothing(
    stack: Workspace, tmp_path: Path, fault: str, command: str
) -> None:
    break_it, sentence = UNUSABLE[fault]
    faulty = kubeconfig_with(stack, tmp_path, break_it)
    plain(stack.run(*command.split(), environment={"KUBECONFIG": str(faulty)}, check=False), sentence)
    assert deployed_objects(stack) == []


def test_a_kubeconfig_that_is_not_there(stack: Workspace, tmp_path: Path) -> None:
    preview = stack.run("preview", environment={"KUBECONFIG": str(tmp_path / "none")}, check=False)
    plain(preview, "the kubeconfig has no context 'atlas-local'")


def test_a_deployed_stack_is_not_compared_with_its_state_alone(stack: Workspace, tmp_path: Path) -> None:
    """The provider itself would show an unchanged stack of a cluster that is not there."""
    stack.up()
    faulty = kubeconfig_with(stack, tmp_path, UNUSABLE["nobody listens"][0])
    preview = stack.run("preview", environment={"KUBECONFIG": str(faulty)}, check=False)
    plain(preview, "cannot be used: ")


READER = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: reviewer, namespace: default}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: reviewer}
  rules:
  - {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: reviewer}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reviewer}
  subjects: [{kind: ServiceAccount, name: reviewer, namespace: default}]
"""


def test_a_preview_says_whether_the_api_server_has_seen_the_objects(
    stack: Workspace, tmp_path: Path, clean_cluster: EmbeddedCluster
) -> None:
    seen = stack.run("preview").output
    assert "The API server of atlas-local checks the objects of this preview by a dry run." in seen

    clean_cluster.kubectl("apply", "--filename=-", stdin=READER)
    token = clean_cluster.kubectl("create", "token", "reviewer", "--namespace=default").stdout.strip()
    reader = kubeconfig_with(stack, tmp_path, lambda config: config["users"][0].update(user={"token": token}))
    unseen = stack.run("preview", environment={"KUBECONFIG": str(reader)})
    assert "has not seen the objects of this preview: you may not patch in observability, trading" in " ".join(
        unseen.output.split()
    )
    clean_cluster.kubectl("delete", "serviceaccount", "reviewer", "--namespace=default")


def test_a_definition_that_the_cluster_lacks(stack: Workspace) -> None:
    """An operator that is not installed: its kinds are unknown, and what does not need them stays as it was made."""
    file = stack.folder / "Pulumi.local.yaml"
    values = yaml.safe_load(file.read_text())
    values["config"]["atlas:prometheus"] |= {"operator": True, "url": "http://prometheus.monitoring.svc:9090"}
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    up = stack.up(check=False)
    plain(up, "monitoring.coreos.com/v1", "PrometheusRule")
    again = stack.destroy(check=False)
    assert again.rc == 0, again.output
    assert deployed_objects(stack) == []


def test_a_second_update_at_once_is_told_who_holds_the_lock(stack: Workspace) -> None:
    first = stack.start("up", "--yes", "--skip-preview")
    try:
        wait_until(lambda: list(stack.state.rglob("locks/**/*.json")), seconds=60)
        second = stack.up(check=False)
        plain(second, "the stack is currently locked by 1 lock(s)", f"pid {first.pid}")
    finally:
        first.communicate(timeout=300)
    assert first.returncode == 0
    settle = time.monotonic()
    assert dict(stack.up().changes) == {}
    assert time.monotonic() - settle < 120


def test_the_engine_itself_is_the_plain_one(stack: Workspace) -> None:
    """Nothing of ours stands between a person and the command that they know."""
    answer = subprocess.run(["pulumi", "version"], env=stack.environment, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("v3.")
