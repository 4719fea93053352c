"""Restricted pods that serve and ask: Redis and its client, from an image of Debian's packages."""

from pathlib import Path
from typing import Any

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.kubernetes_objects import listed, namespace
from tools import node_images
from tools.cluster import Cluster

NAMESPACE = "strict"
(IMAGE,) = [image for image in node_images.debian_images() if image.name == "cache"]
USER = 10001


def bring_image(cluster: EmbeddedCluster) -> None:
    Cluster(cluster.directory).node.load([IMAGE])


def declare(cluster: EmbeddedCluster, *objects: dict[str, Any]) -> None:
    """Apply objects, with a namespace before them that admits restricted pods alone."""
    strict = namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=listed([strict, *objects]))


def pod(name: str, *, claim: str | None = None) -> dict[str, Any]:
    """A Redis that keeps what it has in a volume."""
    volume: dict[str, Any] = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "redis",
                    "image": IMAGE.reference,
                    "imagePullPolicy": "Never",
                    "args": ["redis-server", "--dir", "/data", "--protected-mode", "no", "--appendonly", "yes"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", **volume}],
        },
    }


def service(name: str) -> dict[str, Any]:
    """The Service with a virtual address before the pod of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": name}, "ports": [{"port": 6379}]},
    }


def claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def wait_for(cluster: EmbeddedCluster, *names: str) -> None:
    for name in names:
        cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", f"--namespace={NAMESPACE}", "--timeout=60s")


def redis(cluster: EmbeddedCluster, inside: str, *command: str, host: str = "127.0.0.1") -> str:
    """What Redis at ``host`` answers to a client inside a pod; nothing when it cannot be reached."""
    arguments = ["exec", inside, f"--namespace={NAMESPACE}", "--", "redis-cli", "-h", host, *command]
    return cluster.kubectl(*arguments, check=False).stdout.strip()


def answers(cluster: EmbeddedCluster, host: str, inside: str = "client") -> bool:
    """Whether Redis at ``host`` answers; a new Service's rules take a moment."""
    return redis(cluster, inside, "ping", host=host) == "PONG"


def processes_in(directory: Path) -> list[int]:
    """The processes of a cluster's node, pods included."""
    return sorted(Cluster(directory).node.host.groups.processes())
