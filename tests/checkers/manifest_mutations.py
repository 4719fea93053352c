"""Faults that the checkers of manifests must see: each is one change to the objects of the real local stack."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checkers.checker_inputs import Manifest, write
from tests.support.synthesis import synthesise

Mutate = Callable[[list[Manifest]], object]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """``mutate`` changes the stack's objects; ``check`` is what the tool must say then."""

    tool: str
    name: str
    check: str
    mutate: Mutate

    def __str__(self) -> str:
        return f"{self.tool}, {self.name}"


def write_mutated(folder: Path, mutations: list[Mutation]) -> None:
    """Write what each mutation makes of the local stack, in a folder of its name.

    Kube-score judges a stack as a whole and gets all of it, the others what is no more as it was.
    """
    sound = list(synthesise("local").manifests())
    for mutation in mutations:
        manifests = copy.deepcopy(sound)
        mutation.mutate(manifests)
        whole = mutation.tool == "kube-score"
        write((each for each in manifests if whole or each not in sound), folder / str(mutation))


def _first(manifests: list[Manifest], kind: str) -> Manifest:
    return next(each for each in manifests if each["kind"] == kind)


def _pod(manifests: list[Manifest]) -> dict[str, Any]:
    """Always the same one, without an exception of its own: the order of the objects is the engine's."""
    deployments = (each for each in manifests if (each["kind"], each["metadata"]["name"]) == ("Deployment", "grafana"))
    return next(deployments)["spec"]["template"]["spec"]


def _in_container(**changes: Any) -> Mutate:
    """Replace keys of the first Deployment's first container."""
    return lambda manifests: _pod(manifests)["containers"][0].update(changes)


def _in_security(**changes: Any) -> Mutate:
    return lambda manifests: _pod(manifests)["containers"][0].setdefault("securityContext", {}).update(changes)


def _in_pod(**changes: Any) -> Mutate:
    return lambda manifests: _pod(manifests).update(changes)


def _in_spec(**changes: Any) -> Mutate:
    return lambda manifests: _first(manifests, "Deployment")["spec"].update(changes)


def _without(key: str) -> Mutate:
    return lambda manifests: _pod(manifests)["containers"][0].pop(key)


def _without_all(kind: str) -> Mutate:
    def remove(manifests: list[Manifest]) -> None:
        manifests[:] = [each for each in manifests if each["kind"] != kind]

    return remove


def _with(**manifest: Any) -> Mutate:
    return lambda manifests: manifests.append(manifest)


_UNPINNED = {"image": "grafana/grafana:latest"}


def _with_host_path(manifests: list[Manifest]) -> None:
    volume = {"name": "host", "hostPath": {"path": "/var/run/docker.sock"}}
    _pod(manifests).setdefault("volumes", []).append(volume)


_WILDCARD = _with(
    apiVersion="rbac.authorization.k8s.io/v1",
    kind="ClusterRole",
    metadata={"name": "planted"},
    rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
)
_DEAD_VERSION = _with(
    apiVersion="extensions/v1beta1", kind="Ingress", metadata={"name": "planted", "namespace": "trading"}, spec={}
)
_FROM_SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "planted", "key": "token"}}}


def _mutation(tool: str, name: str, check: str, mutate: Mutate) -> Mutation:
    return Mutation(tool=tool, name=name, check=check, mutate=mutate)


MUTATIONS = [
    _mutation("kubeconform", "unknown key", "invalid", _in_pod(terminationGracePeriod=60)),
    _mutation("kubeconform", "wrong type", "invalid", _in_spec(replicas="two")),
    _mutation("kubeconform", "dead version", "error", _DEAD_VERSION),
    _mutation("checkov", "privileged", "CKV_K8S_16", _in_security(privileged=True)),
    _mutation("checkov", "docker socket", "CKV_K8S_27", _with_host_path),
    _mutation("checkov", "root", "CKV_K8S_40", _in_pod(securityContext={"runAsUser": 0})),
    _mutation("checkov", "host network", "CKV_K8S_19", _in_pod(hostNetwork=True)),
    _mutation("checkov", "writable root", "CKV_K8S_22", _in_security(readOnlyRootFilesystem=False)),
    _mutation("checkov", "no digest", "CKV_K8S_43", _in_container(**_UNPINNED)),
    _mutation("checkov", "no limits", "CKV_K8S_13", _in_container(resources={})),
    _mutation("checkov", "secret in the environment", "CKV_K8S_35", _in_container(env=[_FROM_SECRET])),
    _mutation("checkov", "token", "CKV_K8S_38", _in_pod(automountServiceAccountToken=True)),
    _mutation("checkov", "role of everything", "CKV_K8S_49", _WILDCARD),
    _mutation("kube-score", "privileged", "container-security-context-privileged", _in_security(privileged=True)),
    _mutation("kube-score", "no readiness", "pod-probes", _without("readinessProbe")),
    _mutation("kube-score", "no limits", "container-resources", _in_container(resources={})),
    _mutation("kube-score", "latest", "container-image-tag", _in_container(**_UNPINNED)),
    _mutation("kube-score", "no network policy", "pod-networkpolicy", _without_all("NetworkPolicy")),
    _mutation("kube-score", "no disruption budget", "deployment-has-poddisruptionbudget", _in_spec(replicas=3)),
]
