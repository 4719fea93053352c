"""What goes wrong at run time ends in one plain sentence, and leaves nothing half-made."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

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


def test_a_cluster_that_does_not_answer(stack: Workspace, tmp_path: Path) -> None:
    config = yaml.safe_load(Path(stack.environment["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    dead = tmp_path / "kubeconfig"
    dead.touch(mode=0o600)
    dead.write_text(yaml.safe_dump(config))
    up = stack.up(check=False, environment={"KUBECONFIG": str(dead)})
    plain(up, "the Kubernetes API server at https://127.0.0.1:9 cannot be reached")
    assert deployed_objects(stack) == []


def test_a_kubeconfig_that_is_not_there(stack: Workspace, tmp_path: Path) -> None:
    up = stack.up(check=False, environment={"KUBECONFIG": str(tmp_path / "none")})
    plain(up, "there is no kubeconfig")
    assert deployed_objects(stack) == []


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
