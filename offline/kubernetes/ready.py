"""Readiness of objects, for the kinds that take time to become ready.

A check reads the live object, and other objects that belong to it, and returns the progress. It changes nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from offline.kubernetes import metadata
from offline.kubernetes.cluster import ApiError, Cluster, Object

SETTLE_SECONDS = 10
"""A Service's endpoints count when they have not changed for so long."""


@dataclass(frozen=True)
class Progress:
    """The progress of an object. ``failed`` means that it will never become ready."""

    ready: bool
    message: str = ""
    problems: list[str] = field(default_factory=list[str])
    failed: bool = False


Check = Callable[[Object], Progress]


def check_for(cluster: Cluster, obj: Object, *, created: bool) -> Check | None:
    """The check for an object's kind, or None when it is ready as soon as it exists."""
    if metadata.annotation(obj, metadata.SKIP_AWAIT) == "true":
        return None
    match obj["apiVersion"], obj["kind"]:
        case "apps/v1", "Deployment":
            return lambda live: _with_pods(cluster, live, deployment(live))
        case "apps/v1", "StatefulSet":
            return lambda live: _with_pods(cluster, live, stateful_set(live))
        case "apps/v1", "DaemonSet":
            return lambda live: _with_pods(cluster, live, daemon_set(live))
        case "batch/v1", "Job":
            return lambda live: _with_pods(cluster, live, job(live))
        case "v1", "Pod":
            return pod
        case "v1", "Service":
            return _ServiceCheck(cluster)
        case "networking.k8s.io/v1", "Ingress":
            return ingress
        case "v1", "PersistentVolumeClaim":
            return lambda live: volume_claim(live, _waits_for_consumer(cluster, live), created=created)
        case "v1", "PersistentVolume":
            return lambda live: Progress(_phase(live) in {"Available", "Bound"}, "waiting for the volume")
        case "v1", "ResourceQuota":
            return resource_quota
        case "v1", "Secret" if obj.get("type") == "kubernetes.io/service-account-token":
            return lambda live: Progress(bool(live.get("data")), "waiting for the token")
        case _:
            return None


def _status(obj: Object) -> Object:
    return obj.get("status") or {}


def _phase(obj: Object) -> str:
    return _status(obj).get("phase", "")


def _condition(obj: Object, kind: str) -> Object:
    return next((entry for entry in _status(obj).get("conditions") or [] if entry["type"] == kind), {})


def _is_true(condition: Object) -> bool:
    return condition.get("status") == "True"


def _explain(condition: Object) -> list[str]:
    if not condition or _is_true(condition) or not condition.get("message"):
        return []
    return [f"[{condition.get('reason', '')}] {condition['message']}"]


def _is_observed(obj: Object) -> bool:
    return _status(obj).get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)


def deployment(live: Object) -> Progress:
    """Ready when it is available, its rollout is complete, and all replicas of the newest template are ready."""
    status, wanted = _status(live), live["spec"].get("replicas", 1)
    available, progressing = _condition(live, "Available"), _condition(live, "Progressing")
    ready = min(status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    rolled_out = _is_true(progressing) and progressing.get("reason") == "NewReplicaSetAvailable"
    return Progress(
        _is_observed(live) and _is_true(available) and rolled_out and ready >= wanted,
        f"waiting for the Deployment's newest ReplicaSet ({ready}/{wanted} Pods ready)",
        _explain(available) + _explain(progressing),
    )


def stateful_set(live: Object) -> Progress:
    """Ready when all replicas are ready and of the newest revision. With OnDelete the revision does not matter."""
    status, wanted = _status(live), live["spec"].get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    complete = status.get("replicas", 0) == wanted == ready
    by_hand = (live["spec"].get("updateStrategy") or {}).get("type") == "OnDelete"
    if not by_hand or live["metadata"].get("generation", 1) <= 1:
        complete = complete and status.get("currentReplicas", 0) == wanted
        complete = complete and bool(status.get("currentRevision"))
        complete = complete and status.get("currentRevision") == status.get("updateRevision")
    return Progress(
        _is_observed(live) and complete,
        f"waiting for the StatefulSet's Pods ({ready}/{wanted} ready)",
        [] if complete else [f"{ready} of {wanted} replicas are ready"],
    )


def daemon_set(live: Object) -> Progress:
    """Ready when there is a ready Pod of the newest template on every node that should have one."""
    status = _status(live)
    wanted = status.get("desiredNumberScheduled", 0)
    counts = [status.get(name, 0) for name in ("updatedNumberScheduled", "numberAvailable", "numberReady")]
    return Progress(
        _is_observed(live) and min(counts) >= wanted,
        f"waiting for the DaemonSet's Pods ({min(counts)}/{wanted} ready)",
        [] if min(counts) >= wanted else [f"{min(counts)} of {wanted} Pods are ready"],
    )


def job(live: Object) -> Progress:
    """Ready when it is complete. A Job that has failed never will be."""
    failed = _condition(live, "Failed")
    if _is_true(failed):
        return Progress(False, problems=[f"[{failed.get('reason', '')}] {failed.get('message', '')}"], failed=True)
    status = _status(live)
    counts = ", ".join(f"{name} {status.get(name, 0)}" for name in ("active", "succeeded", "failed"))
    return Progress(_is_true(_condition(live, "Complete")), f"waiting for the Job to succeed ({counts})")


def pod(live: Object) -> Progress:
    """Ready when it is scheduled, initialised and ready, or when it has succeeded."""
    steps = {"PodScheduled": "scheduled", "Initialized": "initialised", "Ready": "ready"}
    missing = [words for kind, words in steps.items() if not _is_true(_condition(live, kind))]
    if not missing or _phase(live) == "Succeeded":
        return Progress(True)
    return Progress(False, f"waiting for the Pod to be {missing[0]}", pod_problems(live))


def pod_problems(live: Object) -> list[str]:
    """Why a Pod is not ready, in the cluster's own words."""
    found: list[str] = []
    status = _status(live)
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting and waiting.get("reason") not in {"ContainerCreating", "PodInitializing"}:
            found.append(f"[{waiting.get('reason')}] {waiting.get('message', '')}".strip())
        if ended.get("exitCode"):
            found.append(f"container {container['name']} ended with exit code {ended['exitCode']}")
        before = (container.get("lastState") or {}).get("terminated") or {}
        if before and not container.get("ready"):
            found.append(f"container {container['name']} ended before with exit code {before.get('exitCode')}")
    for kind in ("PodScheduled", "Initialized", "Ready"):
        if not found:
            found += _explain(_condition(live, kind))
    return [f"Pod {live['metadata']['name']}: {problem}" for problem in found]


def ingress(live: Object) -> Progress:
    """Ready when it has an address."""
    addresses = (_status(live).get("loadBalancer") or {}).get("ingress")
    return Progress(bool(addresses), "waiting for an address", ["Ingress .status.loadBalancer has no address"])


def volume_claim(live: Object, waits_for_consumer: bool, *, created: bool) -> Progress:
    """Ready when it is bound, or when its storage class binds it only when a Pod uses it."""
    phase = _phase(live)
    ready = phase == "Bound" or (created and waits_for_consumer and phase == "Pending")
    return Progress(ready, f"waiting for the claim to be bound (now {phase or 'new'})", [f"the claim is {phase}"])


def _waits_for_consumer(cluster: Cluster, claim: Object) -> bool:
    name = claim["spec"].get("storageClassName")
    if not name:
        return False
    storage_class = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    found = cluster.read(storage_class)
    return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"


def resource_quota(live: Object) -> Progress:
    """Ready when its controller has taken it over."""
    return Progress(live["spec"].get("hard") == _status(live).get("hard"), "waiting for the quota to take effect")


class _ServiceCheck:
    """A Service is ready when it has an address, and its endpoints are all ready and no longer change."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen: list[str] | None = None
        self._since = 0.0

    def __call__(self, live: Object) -> Progress:
        spec = live["spec"]
        if spec.get("type") == "LoadBalancer" and not (_status(live).get("loadBalancer") or {}).get("ingress"):
            return Progress(False, "waiting for an address", ["Service was not given an address by the cluster"])
        if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
            return Progress(True)
        ready, pending = self._endpoints(live)
        if pending or time.monotonic() - self._since < SETTLE_SECONDS:
            nobody = ["Service does not target any ready Pods; its selector may match no Pod"]
            return Progress(False, "waiting for Pods to direct traffic to", [] if ready else nobody)
        return Progress(True)

    def _endpoints(self, live: Object) -> tuple[bool, bool]:
        """Whether any endpoint is ready, and whether any is not."""
        named = {"kubernetes.io/service-name": live["metadata"]["name"]}
        slices = self._cluster.list("discovery.k8s.io/v1", "EndpointSlice", live["metadata"]["namespace"], named)
        seen = sorted(f"{item['metadata']['name']} {item['metadata']['resourceVersion']}" for item in slices)
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        states = [
            (endpoint.get("conditions") or {}).get("ready", True)
            for item in slices
            for endpoint in item.get("endpoints") or []
        ]
        return any(states), not slices or not all(states)


def _with_pods(cluster: Cluster, live: Object, progress: Progress) -> Progress:
    """Add the problems of the Pods of a workload that is not ready."""
    labels = (live["spec"].get("selector") or {}).get("matchLabels")
    if progress.ready or not labels:
        return progress
    try:
        pods = cluster.list("v1", "Pod", live["metadata"]["namespace"], labels)
    except ApiError:
        return progress
    problems = [problem for entry in pods for problem in pod_problems(entry) if not pod(entry).ready]
    return Progress(progress.ready, progress.message, [*progress.problems, *problems], progress.failed)
