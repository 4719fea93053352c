"""How long an update of the Kubernetes stand-in waits, and what is left when it is interrupted or killed meanwhile."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.engine.declared import Declared, deployment, live_object
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.waiting import wait_until
from tests.support.workspace import Workspace

WAIT_SECONDS = 90


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The condition's answer, once there is one."""
    return wait_until(condition, WAIT_SECONDS, what, every=0.3)


def make_ready(cluster: EmbeddedCluster, app: str) -> None:
    """Say of the app's Pods what a kubelet would say."""
    condition = {"status": "True", "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    status = {
        "phase": "Running",
        "conditions": [
            {"type": kind, **condition} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
    }
    for pod in cluster.objects("pods", "--selector", f"app={app}"):
        name = pod["metadata"]["name"]
        cluster.kubectl("patch", "pod", name, "--subresource=status", "--patch", json.dumps({"status": status}))


def ended(process: subprocess.Popen[str]) -> str:
    """The output of a command that must end soon."""
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    return output


def test_an_update_waits_until_the_pods_are_ready(declared: Declared, cluster: EmbeddedCluster) -> None:
    declared.declare(("app", deployment("awaited")))
    process = declared.stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: cluster.objects("pods", "--selector", "app=awaited"), "a Pod of the Deployment")
    time.sleep(3)
    assert process.poll() is None, ended(process)
    make_ready(cluster, "awaited")
    output = ended(process)
    assert process.returncode == 0, output
    assert declared.resource("app")["outputs"]["status"]["readyReplicas"] == 1


def test_what_is_not_ready_in_time_fails_with_the_reason_and_is_corrected_by_the_next_update(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    declared.declare(("app", deployment("late"), {"create": "10s"}))
    failed = declared.stack.up(check=False)
    assert failed.rc != 0
    assert "not ready after 10 seconds" in failed.output
    assert "no nodes available" in failed.output
    assert declared.resource("app")["initErrors"]
    make_ready(cluster, "late")
    declared.stack.up()
    assert not declared.resource("app").get("initErrors")


def test_an_interrupted_wait_keeps_the_object_in_the_state(declared: Declared, cluster: EmbeddedCluster) -> None:
    declared.declare(("app", deployment("interrupted")))
    process = declared.stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: cluster.objects("pods", "--selector", "app=interrupted"), "a Pod of the Deployment")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    output = ended(process)
    assert process.returncode != 0
    assert "the wait was cancelled" in output
    assert declared.resource("app")["id"] == "default/interrupted"


def processes_of(stack: Workspace) -> list[int]:
    """The processes that were started for the stack, found by its state's folder in their environment."""
    mark = str(stack.state).encode()
    found: list[int] = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


def test_a_killed_engine_leaves_no_plugin_behind_and_no_key_on_the_disk(
    declared: Declared, cluster: EmbeddedCluster, tmp_path: Path
) -> None:
    declared.declare(("app", deployment("abandoned")))
    process = declared.stack.start("up", "--yes", "--skip-preview", environment={"TMPDIR": str(tmp_path)})
    eventually(lambda: cluster.objects("pods", "--selector", "app=abandoned"), "a Pod of the Deployment")
    assert list(tmp_path.glob("pulumi-kubernetes-*"))
    assert len(processes_of(declared.stack)) >= 4, "the engine, the program and two plugins"
    process.kill()
    process.wait()
    eventually(lambda: not processes_of(declared.stack), "the end of every process of the update")
    assert not list(tmp_path.glob("pulumi-kubernetes-*"))
    declared.stack.run("cancel", "--yes")
    make_ready(cluster, "abandoned")
    declared.stack.up()
    changed = deployment("abandoned", skipAwait="true")
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "local/none:2"
    declared.declare(("app", changed))
    declared.stack.up()
    managers = [
        entry["manager"] for entry in live_object(cluster, "deployment", "abandoned")["metadata"]["managedFields"]
    ]
    assert len([name for name in managers if name.startswith("pulumi-kubernetes-")]) == 1


def test_a_service_waits_for_its_pods_only_when_it_selects_any(declared: Declared) -> None:
    ports = [{"port": 80}]
    metadata = {"namespace": "default"}
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {**metadata, "name": "alone"}}
    headless = {**service, "metadata": {**metadata, "name": "headless"}}
    declared.declare(
        ("alone", {**service, "spec": {"ports": ports}}, {"create": "3s"}),
        (
            "headless",
            {**headless, "spec": {"ports": ports, "clusterIP": "None", "selector": {"app": "x"}}},
            {"create": "3s"},
        ),
    )
    declared.stack.up()
    selecting = {
        **service,
        "metadata": {**metadata, "name": "selecting"},
        "spec": {"ports": ports, "selector": {"app": "x"}},
    }
    declared.declare(("selecting", selecting, {"create": "3s"}))
    failed = declared.stack.up(check=False)
    assert failed.rc != 0
    assert "its selector may match no Pod" in failed.output
