"""The one hardened pod, and the objects that every workload of ours needs around it.

Hardened by default; what relaxes it is an argument whose value is the reason. Passes the Pod Security Standard ``restricted``.
Sources: Pod Security Standards; CIS Kubernetes Benchmark 5.1.5, 5.1.6, 5.2; NSA/CISA Kubernetes Hardening Guidance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, StatefulSet
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    EnvVarArgsDict,
    PersistentVolumeClaimSpecArgsDict,
    PodSpecArgsDict,
    PodTemplateSpecArgsDict,
    ProbeArgsDict,
    Service,
    ServiceAccount,
    ServiceSpecArgsDict,
    TopologySpreadConstraintArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.place import Place
from components.quantity import to_millicores

USER = 10001
"""Numeric, so that the kubelet can prove it is not root; above 10000, so that it is nobody on the node."""

CPU_BURST = 4
"""CPU limit as a multiple of the request: room for start-up and queries, none for a runaway."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """HTTP probes of one named port. ``startup_seconds`` bounds recovery (a replayed log, an opened store)."""

    port: str
    alive: str
    ready: str
    startup_seconds: int = 120


@dataclass(frozen=True, kw_only=True)
class Data:
    """A volume of its own for each replica, mounted at ``path`` and kept when the pod goes."""

    path: str
    size: str


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """``mounts`` maps paths to read-only volumes, ``scratch`` maps paths to the size of an empty writable one.

    With ``data`` the workload is a StatefulSet, without it a Deployment. ``reads_api`` says why
    the pod needs a token for the API server; ``None`` mounts no token.
    """

    place: Place
    image: str
    cpu: str
    memory: str
    ports: Mapping[str, int]
    probes: Probes
    replicas: int = 1
    args: Sequence[str] = ()
    env: Mapping[str, Input[str]] = field(default_factory=dict[str, Input[str]])
    mounts: Mapping[str, VolumeArgsDict] = field(default_factory=dict[str, VolumeArgsDict])
    scratch: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Data | None = None
    reads_api: str | None = None
    headless: bool = False
    grace_seconds: int = 60


class Workload(pulumi.ComponentResource):
    """A ServiceAccount, a Service, the pods, and with more than one replica a PodDisruptionBudget. All carry the same name."""

    address: Output[str]
    """Host name of the Service inside the cluster."""
    service_account: Output[str]

    def __init__(self, name: str, args: WorkloadArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Workload", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, labels = args.place, args.place.labels(name)
        selector = {"app.kubernetes.io/name": name}

        account = ServiceAccount(
            name,
            metadata={"name": name, "namespace": place.namespace, "labels": labels},
            automount_service_account_token=False,
            opts=child,
        )
        metadata: ObjectMetaArgsDict = {
            "name": name,
            "namespace": place.namespace,
            "labels": labels,
            "annotations": place.annotations(),
        }
        service_spec: ServiceSpecArgsDict = {
            "type": "ClusterIP",
            "selector": selector,
            "ports": [{"name": port, "port": number, "target_port": port} for port, number in args.ports.items()],
        }
        if args.headless:
            service_spec["cluster_ip"] = "None"
        service = Service(
            name,
            metadata=metadata,
            spec=service_spec,
            opts=child,
        )
        template: PodTemplateSpecArgsDict = {
            "metadata": {"labels": labels},
            "spec": pod_spec(name, args, account.metadata["name"].apply(str)),
        }
        if args.data:
            claim: PersistentVolumeClaimSpecArgsDict = {
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": args.data.size}},
            }
            if place.storage_class:
                claim["storage_class_name"] = place.storage_class
            StatefulSet(
                name,
                metadata=metadata,
                spec={
                    "service_name": service.metadata["name"].apply(str),
                    "replicas": args.replicas,
                    "pod_management_policy": "Parallel",
                    "selector": {"match_labels": selector},
                    "template": template,
                    "volume_claim_templates": [{"metadata": {"name": "data", "labels": selector}, "spec": claim}],
                },
                opts=child,
            )
        else:
            Deployment(
                name,
                metadata=metadata,
                spec={
                    "replicas": args.replicas,
                    "selector": {"match_labels": selector},
                    "strategy": {"type": "RollingUpdate", "rolling_update": {"max_unavailable": 0, "max_surge": 1}},
                    "template": template,
                },
                opts=child,
            )
        if args.replicas > 1:
            PodDisruptionBudget(
                name,
                metadata={"name": name, "namespace": place.namespace, "labels": labels},
                spec={"max_unavailable": 1, "selector": {"match_labels": selector}},
                opts=child,
            )
        self.address = Output.format("{0}.{1}.svc", service.metadata["name"], place.namespace)
        self.service_account = account.metadata["name"].apply(str)
        self.register_outputs({"address": self.address, "service_account": self.service_account})


def pod_spec(name: str, args: WorkloadArgs, service_account: Input[str]) -> PodSpecArgsDict:
    """The hardened pod of the workload ``name``."""
    volumes, mounts = _volumes(args)
    spec: PodSpecArgsDict = {
        "service_account_name": service_account,
        "automount_service_account_token": args.reads_api is not None,
        "enable_service_links": False,
        "termination_grace_period_seconds": args.grace_seconds,
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": USER,
            "run_as_group": USER,
            "fs_group": USER,
            "fs_group_change_policy": "OnRootMismatch",
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(name, args, mounts)],
        "volumes": volumes,
    }
    if args.replicas > 1:
        spec["topology_spread_constraints"] = _spread(name)
    return spec


def _container(name: str, args: WorkloadArgs, mounts: list[VolumeMountArgsDict]) -> ContainerArgsDict:
    pod_ip: EnvVarArgsDict = {"name": "MY_POD_IP", "value_from": {"field_ref": {"field_path": "status.podIP"}}}
    env: list[EnvVarArgsDict] = [{"name": key, "value": value} for key, value in args.env.items()]
    limit = f"{to_millicores(args.cpu) * CPU_BURST}m"
    return {
        "name": name,
        "image": args.image,
        "image_pull_policy": "IfNotPresent",
        "args": list(args.args),
        "env": [pod_ip, *env],
        "ports": [{"name": port, "container_port": number} for port, number in args.ports.items()],
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # The memory limit equals the request: what is promised is what is there, and the node never has to choose a victim.
        "resources": {
            "requests": {"cpu": args.cpu, "memory": args.memory, "ephemeral-storage": "64Mi"},
            "limits": {"cpu": limit, "memory": args.memory, "ephemeral-storage": "1Gi"},
        },
        "startup_probe": _probe(
            args.probes.port, args.probes.ready, period=5, failures=-(-args.probes.startup_seconds // 5)
        ),
        "liveness_probe": _probe(args.probes.port, args.probes.alive, period=10, failures=6),
        "readiness_probe": _probe(args.probes.port, args.probes.ready, period=5, failures=3),
        "volume_mounts": mounts,
    }


def _probe(port: str, path: str, *, period: int, failures: int) -> ProbeArgsDict:
    return {
        "http_get": {"port": port, "path": path},
        "period_seconds": period,
        "timeout_seconds": 5,
        "failure_threshold": failures,
    }


def _spread(name: str) -> list[TopologySpreadConstraintArgsDict]:
    return [
        {
            "max_skew": 1,
            "topology_key": key,
            "when_unsatisfiable": "ScheduleAnyway",
            "label_selector": {"match_labels": {"app.kubernetes.io/name": name}},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def _volumes(args: WorkloadArgs) -> tuple[list[VolumeArgsDict], list[VolumeMountArgsDict]]:
    volumes: list[VolumeArgsDict] = []
    mounts: list[VolumeMountArgsDict] = []
    for path, volume in args.mounts.items():
        volumes.append(volume)
        mounts.append({"name": volume["name"], "mount_path": path, "read_only": True})
    for path, size in args.scratch.items():
        volume_name = path.strip("/").replace("/", "-")
        volumes.append({"name": volume_name, "empty_dir": {"size_limit": size}})
        mounts.append({"name": volume_name, "mount_path": path})
    if args.data:
        mounts.append({"name": "data", "mount_path": args.data.path})
    return volumes, mounts
