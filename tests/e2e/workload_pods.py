"""Pods of the tests: restricted ones that run a script of Python, from the image of the platform's workers."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.kubernetes_objects import listed
from tests.support.kubernetes_objects import namespace as namespace_of

if TYPE_CHECKING:
    from tests.e2e.running_stack import RunningStack

USER = 10101


def pod(stack: "RunningStack", name: str, namespace: str, script: str, *, port: int | None = None) -> dict[str, Any]:
    """A pod that runs ``script`` once. With ``port`` it is ready when it listens there."""
    container: dict[str, Any] = {
        "name": name,
        "image": image(stack),
        "imagePullPolicy": "Never",
        "command": ["/usr/bin/python3", "-I", "-S", "-c", script],  # -S: without the image's instrumentation
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if port:
        container |= {"readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, "app.kubernetes.io/name": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def image(stack: "RunningStack") -> str:
    """What the workers run."""
    (workers,) = [each for each in stack.cluster.objects("deployments") if each["metadata"]["name"] == "workers"]
    return workers["spec"]["template"]["spec"]["containers"][0]["image"]


def apply(stack: "RunningStack", *objects: dict[str, Any]) -> None:
    stack.cluster.kubectl("apply", "--server-side", "--filename=-", stdin=listed(objects))


def declare(stack: "RunningStack", namespace: str, *objects: dict[str, Any]) -> None:
    """Apply objects, with their namespace before them."""
    apply(stack, namespace_of(namespace), *objects)


def started(stack: "RunningStack", script: str) -> str:
    """Start ``script`` in a pod of the namespace ``trading``; the pod's name, after which its logs are named."""
    name = f"writer-{secrets.token_hex(3)}"
    apply(stack, pod(stack, name, "trading", script))
    return name


def wrote(stack: "RunningStack", script: str) -> str:
    """The same, run to its end."""
    name = started(stack, script)
    until(stack, "jsonpath={.status.phase}=Succeeded", name, "trading")
    return name


@contextmanager
def applied(stack: "RunningStack", *objects: dict[str, Any]) -> Iterator[None]:
    """Objects that are there meanwhile."""
    apply(stack, *objects)
    try:
        yield
    finally:
        stack.cluster.kubectl("delete", "--filename=-", stdin=listed(objects))


def until(stack: "RunningStack", state: str, name: str, namespace: str) -> None:
    """Wait for a pod. One that does not get there says what Kubernetes knows of it, and its last words."""
    of_it = [f"pod/{name}", f"--namespace={namespace}"]
    if stack.cluster.kubectl("wait", f"--for={state}", *of_it, "--timeout=90s", check=False).returncode:
        told = [stack.cluster.kubectl(*what, *of_it, check=False).stdout[-3000:] for what in (["describe"], ["logs"])]
        pytest.fail("\n".join([f"{name} does not come to {state}", *told]))
