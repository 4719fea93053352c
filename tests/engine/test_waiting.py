"""What an update waits for, and what is left when it is interrupted or killed meanwhile."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.engine.declared import Declared, Inputs, deployment
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
    assert "'late' timed out waiting to be Ready" in failed.output
    assert "Minimum number of live Pods was not attained" in failed.output
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
    assert "Resource operation was cancelled" in output
    assert declared.resource("app")["id"] == "default/interrupted"
    make_ready(cluster, "interrupted")
    declared.stack.up()


def processes_of(stack: Workspace) -> list[int]:
    """The processes that were started for the stack, found by its state's folder in their environment."""
    mark = str(stack.state).encode()
    found: list[int] = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


def test_a_killed_engine_leaves_no_plugin_behind_and_can_be_finished(
    declared: Declared, cluster: EmbeddedCluster
) -> None:
    declared.declare(("app", deployment("abandoned")))
    process = declared.stack.start("up", "--yes", "--skip-preview")
    eventually(lambda: cluster.objects("pods", "--selector", "app=abandoned"), "a Pod of the Deployment")
    assert len(processes_of(declared.stack)) >= 4, "the engine, the program and two plugins"
    process.kill()
    process.wait()
    eventually(lambda: not processes_of(declared.stack), "the end of every process of the update")
    declared.stack.run("cancel", "--yes")
    make_ready(cluster, "abandoned")
    declared.stack.up()
    changed = deployment("abandoned", skipAwait="true")
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "local/none:2"
    declared.declare(("app", changed))
    declared.stack.up()


def test_a_service_without_endpoints_fails_no_update(declared: Declared) -> None:
    """That of a workload that is scaled to zero, and one without a selector."""
    ports = [{"port": 80}]
    services: list[tuple[str, Inputs]] = []
    for name, spec in {
        "alone": {"ports": ports},
        "headless": {"ports": ports, "clusterIP": "None", "selector": {"app": "x"}},
        "selecting": {"ports": ports, "selector": {"app": "x"}},
    }.items():
        metadata = {"namespace": "default", "name": name}
        services.append((name, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}))
    declared.declare(*services)
    assert declared.stack.up().changes["create"] == len(services)
