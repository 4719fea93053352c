"""Updates that are interrupted or killed, and finished by the next one."""

import contextlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import edit
from tests.support.waiting import wait_until
from tests.support.workspace import Workspace


def test_killed_at_ten_points_an_update_can_be_finished(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    stack = workspace(program)
    total = len(stack.preview_json()["steps"])
    for point in range(10):
        process = stack.start("up", "--yes", "--skip-preview")
        try:
            wait_until(lambda: process.poll() is not None or stack.noted() >= total * (point + 1) // 12, seconds=120)  # noqa: B023
            assert process.poll() is None, "the kill has to hit an update at work"
        except AssertionError as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(
                f"point {point}: {error}: {stack.noted()} of {total}: {process.communicate(timeout=30)[0]}"
            ) from None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        stack.run("cancel", "--yes", check=False)
    stack.up()
    assert dict(stack.up().changes) == {}
    assert dict(stack.refresh().changes) == {}
    edit(
        program / "Pulumi.local.yaml", "loki:\n    replicas: 1\n    cpu: 100m", "loki:\n    replicas: 1\n    cpu: 101m"
    )
    assert stack.up().changes["update"] == 1
    # What was made and never noted has a name that nobody mounts; it goes with its namespace.
    known = {
        each["outputs"]["metadata"]["name"] for each in stack.resources() if each["type"].startswith("kubernetes:core/")
    }
    pods = json.dumps(clean_cluster.objects("deployments,statefulsets,daemonsets,cronjobs"))
    for each in clean_cluster.objects("configmaps,secrets", "--selector=app.kubernetes.io/managed-by=pulumi"):
        if each["metadata"]["name"] not in known:
            assert f'"{each["metadata"]["name"]}"' not in pods
    stack.destroy()
    left = {each["metadata"]["name"] for each in clean_cluster.objects("namespaces")}
    assert not {"observability", "trading", "node-agents"} & left


def test_an_interrupted_update_says_so_and_the_next_one_finishes_it(
    program: Path, workspace: Callable[..., Workspace], clean_cluster: EmbeddedCluster
) -> None:
    stack = workspace(program)
    process = stack.start("up", "--yes", "--skip-preview")
    wait_until(lambda: stack.noted() > 20, seconds=60)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Traceback" not in said
    stack.up()
    assert dict(stack.up().changes) == {}
