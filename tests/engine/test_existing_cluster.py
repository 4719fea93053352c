"""A cluster whose owner made the namespaces and runs the Prometheus Operator: dev moves in by the README's settings, and out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import required_inputs
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.kubernetes_objects import Manifest, listed, namespace
from tests.support.operator_crds import GROUP, install_operator_crds
from tests.support.workspace import STATE_AT_THE_END, Workspace

NAMESPACES = {"observability": "team-telemetry", "trading": "team-trading", "agents": "team-node-agents"}
SETTINGS = {
    "namespaces": {"create": False, **NAMESPACES},
    "prometheus": {
        "operator": True,
        "url": "http://prometheus-operated.monitoring.svc:9090",
        "namespace": "monitoring",
        "labels": {"release": "kube-prometheus-stack"},
    },
    "grafana": {"existing": True, "url": "https://grafana.example.com"},
}
MADE_BY_KUBERNETES = ("endpoints", "endpointslices", "events", "leases", "pods", "replicasets", "controllerrevisions")
PREBUILT = {"api": "registry.example.com/trading/api:1.2.3"}


def owners(name: str, level: str) -> Manifest:
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
    return namespace(name, labels)


@pytest.fixture
def existing(clean_cluster: EmbeddedCluster) -> EmbeddedCluster:
    """The owner's cluster: three namespaces, the operator's definitions, nothing of ours."""
    install_operator_crds(clean_cluster)
    levels = {role: "privileged" if role == "agents" else "restricted" for role in NAMESPACES}
    namespaces = [owners(name, levels[role]) for role, name in NAMESPACES.items()]
    clean_cluster.kubectl("apply", "--filename=-", stdin=listed(namespaces))
    return clean_cluster


@pytest.fixture
def dev(program: Path, workspace: Callable[..., Workspace], existing: EmbeddedCluster) -> Workspace:
    """The dev stack as its user sets it, by the plain CLI alone. It does not wait for pods: the embedded cluster has no node."""
    access = existing.kubeconfig_as("atlas-dev")
    stack = workspace(program, stack="dev", kubeconfig=access, environment=STATE_AT_THE_END)
    for key, value in SETTINGS.items():
        for path, leaf in leaves(f"atlas:{key}", value):
            stack.run("config", "set", "--path", path, leaf)
    for name, image in PREBUILT.items():
        stack.run("config", "set", "--path", f"atlas:images.{name}", image)
    stack.run("config", "set", "--path", "atlas:cluster.waitForReady", "false")
    for key, value in required_inputs.secret_settings("dev").items():
        stack.run("config", "set", "--secret", key, value)
    return stack


def leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(f"{path}.{key}", below)
    else:
        yield path, json.dumps(value) if isinstance(value, bool) else str(value)


def everything_of(cluster: EmbeddedCluster, namespace: str) -> set[tuple[str, str]]:
    """(kind, name) of what is in a namespace, without what Kubernetes puts there by itself."""
    kinds = cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").stdout.split()
    kinds = [kind for kind in kinds if kind.partition(".")[0] not in MADE_BY_KUBERNETES]
    listed = cluster.kubectl("get", ",".join(kinds), "--namespace", namespace, "--output=json").stdout
    found = {(each["kind"], each["metadata"]["name"]) for each in json.loads(listed)["items"]}
    return found - {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


def test_dev_moves_into_a_cluster_with_namespaces_and_an_operator_and_leaves_them_and_the_data_behind(
    dev: Workspace, existing: EmbeddedCluster
) -> None:
    up = dev.up()
    assert not [urn for _, urn in up.steps if ":Namespace::" in urn]
    in_use = everything_of(existing, NAMESPACES["observability"])
    kinds = {kind for kind, _ in in_use}
    assert {"PrometheusRule", "ServiceMonitor", "Probe"} <= kinds
    assert ("ConfigMap", "dashboard-overview") in in_use
    assert not {name for _, name in in_use} & {"prometheus", "alertmanager", "kube-state-metrics", "grafana"}
    pods = {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in existing.objects("deployments")}
    assert pods["api"]["containers"][0]["image"] == PREBUILT["api"]

    for again in (dev.up(), dev.refresh()):
        assert dict(again.changes) == {}, again.output
    dev.destroy()
    left = set[tuple[str, str]]().union(*(everything_of(existing, name) for name in NAMESPACES.values()))
    assert {kind for kind, _ in left} == {"PersistentVolumeClaim"}, "data outlives its stack"
    remaining = {each["metadata"]["name"] for each in existing.objects("customresourcedefinitions,namespaces")}
    assert set(NAMESPACES.values()) < remaining
    assert f"prometheusrules.{GROUP}" in remaining
