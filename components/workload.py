"""The one hardened pod, and the objects that every workload of ours needs around it.

Hardened by default; what relaxes it is an argument that holds the reason. Passes the Pod Security Standard ``restricted``,
except where it mounts the host. Sources: Pod Security Standards; CIS Kubernetes Benchmark 5.1.5, 5.1.6, 5.2; NSA/CISA
Kubernetes Hardening Guidance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.apps.v1 import DaemonSet, Deployment, StatefulSet
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    EnvVarArgsDict,
    PersistentVolumeClaimSpecArgsDict,
    PodSpecArgsDict,
    PodTemplateSpecArgsDict,
    ProbeArgsDict,
    Service,
    ServiceAccount,
    ServicePortArgsDict,
    ServiceSpecArgsDict,
    TopologySpreadConstraintArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.namespace_context import NamespaceContext
from settings.units import to_millicores

USER = 10001
"""Numeric, so that the kubelet can prove it is not root; above 10000, so that it is nobody on the node."""

CPU_LIMIT_FACTOR = 4
"""CPU limit as a multiple of the request: room for start-up and queries, none for a runaway."""

PROBE_PATH = "atlas/probe-path"
"""Annotation of a Service: the blackbox exporter asks for this path at its first port."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Probes of one named port: HTTP paths, or with none whether it takes connections.

    ``startup_seconds`` bounds recovery (a replayed log, an opened store).
    """

    port: str
    liveness_path: str | None = None
    readiness_path: str | None = None
    startup_seconds: int = 120


@dataclass(frozen=True, kw_only=True)
class PersistentVolume:
    """A volume of its own for each replica, mounted at ``path`` and kept when the pod goes."""

    path: str
    size: str


@dataclass(frozen=True, kw_only=True)
class UserOverride:
    """Another user than ``USER``, because of ``why``."""

    user: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class HostPath:
    """A folder of the node, read-only unless said otherwise. One that not every node has is made where it is missing."""

    path: str
    writable: bool = False
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class DaemonSetOptions:
    """A DaemonSet with folders of the node by mount path, because of ``why``. Only in a namespace that admits it."""

    reason: str
    host: Mapping[str, HostPath]


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """One key of a Secret, for a variable of an application that cannot read a file."""

    secret: Input[str]
    key: str


@dataclass(frozen=True, kw_only=True)
class Before:
    """What runs to its end before the workload begins, because of ``reason``.

    The workload's own image has its variables and volumes, another ``image`` nothing of it.
    """

    reason: str
    args: Sequence[str]
    image: Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """``mounts`` maps paths to read-only volumes, ``empty_dirs`` maps paths to the size of an empty writable one.

    With ``persistent_volume`` the workload is a StatefulSet, with ``daemon_set`` a DaemonSet, else a Deployment.
    ``api_access_reason`` says why the pod needs a token for the API server; ``None`` mounts no token. ``peer_port`` names the port
    at which replicas find each other, over TCP and UDP, before they are ready: ``<name>-<number>.<name>-peers`` is one of them.
    """

    context: NamespaceContext
    image: Input[str]
    cpu: str
    memory: str
    ports: Mapping[str, int]
    probes: Probes | None
    replicas: int = 1
    args: Sequence[Input[str]] = ()
    env: Mapping[str, Input[str]] = field(default_factory=dict[str, Input[str]])
    secret_env: Mapping[str, SecretKey] = field(default_factory=dict[str, SecretKey])
    field_env: Mapping[str, str] = field(default_factory=dict[str, str])
    mounts: Mapping[str, VolumeArgsDict] = field(default_factory=dict[str, VolumeArgsDict])
    empty_dirs: Mapping[str, str] = field(default_factory=dict[str, str])
    persistent_volume: PersistentVolume | None = None
    daemon_set: DaemonSetOptions | None = None
    user_override: UserOverride | None = None
    before: Before | None = None
    api_access_reason: str | None = None
    headless: bool = False
    peer_port: str | None = None
    probe_path: str | None = None
    termination_grace_seconds: int = 60


class Workload(pulumi.ComponentResource):
    """A ServiceAccount, a Service, the pods, and with more than one replica a PodDisruptionBudget. All carry the same name."""

    address: Output[str]
    """Host name of the Service inside the cluster."""
    service_account: Output[str]

    def __init__(self, name: str, args: WorkloadArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Workload", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, labels = args.context, args.context.labels(name)
        replicas = 0 if name in context.scaled_to_zero else args.replicas
        selector = {"app.kubernetes.io/name": name}

        account = ServiceAccount(
            name,
            metadata={"name": name, "namespace": context.namespace, "labels": labels},
            automount_service_account_token=False,
            opts=child,
        )
        metadata: ObjectMetaArgsDict = {
            "name": name,
            "namespace": context.namespace,
            "labels": labels,
            "annotations": context.annotations(),
        }
        probed = {PROBE_PATH: args.probe_path} if args.probe_path and name not in context.scaled_to_zero else {}
        service = Service(
            name,
            metadata={**metadata, "annotations": context.annotations() | probed},
            spec=_service_spec(args, selector),
            opts=child,
        )
        governing_service = service
        if args.peer_port:
            governing_service = Service(
                f"{name}-peers",
                metadata={**metadata, "name": f"{name}-peers"},
                spec={
                    "cluster_ip": "None",
                    "publish_not_ready_addresses": True,
                    "selector": selector,
                    "ports": [
                        {"name": port, "port": number, "target_port": port, "protocol": protocol}
                        for port, number, protocol in _ports(args)
                        if port.startswith(args.peer_port)
                    ],
                },
                opts=child,
            )
        template: PodTemplateSpecArgsDict = {
            "metadata": {"labels": labels},
            "spec": pod_spec(name, args, account.metadata["name"].apply(str)),
        }
        if args.daemon_set:
            # A second pod on a node would find the first one's files locked: no surge.
            DaemonSet(
                name,
                metadata=metadata,
                spec={
                    "selector": {"match_labels": selector},
                    "update_strategy": {
                        "type": "RollingUpdate",
                        "rolling_update": {"max_unavailable": 1, "max_surge": 0},
                    },
                    "template": template,
                },
                opts=child,
            )
        elif args.persistent_volume:
            claim: PersistentVolumeClaimSpecArgsDict = {
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": args.persistent_volume.size}},
            }
            if context.storage_class:
                claim["storage_class_name"] = context.storage_class
            StatefulSet(
                name,
                metadata=metadata,
                spec={
                    "service_name": governing_service.metadata["name"].apply(str),
                    "replicas": replicas,
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
                    "replicas": replicas,
                    "selector": {"match_labels": selector},
                    "strategy": {"type": "RollingUpdate", "rolling_update": {"max_unavailable": 0, "max_surge": 1}},
                    "template": template,
                },
                opts=child,
            )
        if args.replicas > 1:
            PodDisruptionBudget(
                name,
                metadata={"name": name, "namespace": context.namespace, "labels": labels},
                spec={"max_unavailable": 1, "selector": {"match_labels": selector}},
                opts=child,
            )
        self.address = Output.format("{0}.{1}.svc", service.metadata["name"], context.namespace)
        self.service_account = account.metadata["name"].apply(str)
        self.register_outputs({"address": self.address, "service_account": self.service_account})


def _service_spec(args: WorkloadArgs, selector: Mapping[str, str]) -> ServiceSpecArgsDict:
    ports: list[ServicePortArgsDict] = [
        {"name": port, "port": number, "target_port": port, "protocol": "TCP"} for port, number in args.ports.items()
    ]
    spec: ServiceSpecArgsDict = {"type": "ClusterIP", "selector": selector, "ports": ports}
    if args.headless:
        spec["cluster_ip"] = "None"
    return spec


def pod_spec(name: str, args: WorkloadArgs, service_account: Input[str]) -> PodSpecArgsDict:
    """The hardened pod of the workload ``name``."""
    volumes, mounts = _volumes(args)
    user = args.user_override.user if args.user_override else USER
    spec: PodSpecArgsDict = {
        "service_account_name": service_account,
        "automount_service_account_token": args.api_access_reason is not None,
        "enable_service_links": False,
        "termination_grace_period_seconds": args.termination_grace_seconds,
        "security_context": {
            "run_as_non_root": user != 0,
            "run_as_user": user,
            "run_as_group": user,
            "fs_group": user,
            "fs_group_change_policy": "OnRootMismatch",
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(name, args, mounts)],
    }
    if args.before:
        spec["init_containers"] = [_before(name, args, args.before, mounts)]
    # An empty list would not be there when it is read back.
    if volumes:
        spec["volumes"] = volumes
    if args.context.pull_secret:
        spec["image_pull_secrets"] = [{"name": args.context.pull_secret}]
    if args.replicas > 1:
        spec["topology_spread_constraints"] = _spread(name)
    if args.daemon_set:
        spec["tolerations"] = [{"operator": "Exists", "effect": "NoSchedule"}]
        spec["priority_class_name"] = "system-node-critical"
    return spec


def _container(name: str, args: WorkloadArgs, mounts: list[VolumeMountArgsDict]) -> ContainerArgsDict:
    fields = {"MY_POD_IP": "status.podIP"} | dict(args.field_env)
    env: list[EnvVarArgsDict] = []
    for key, path in fields.items():
        env.append({"name": key, "value_from": {"field_ref": {"field_path": path}}})
    for key, value in args.env.items():
        env.append({"name": key, "value": value})
    for key, each in args.secret_env.items():
        env.append({"name": key, "value_from": {"secret_key_ref": {"name": each.secret, "key": each.key}}})
    limit = f"{to_millicores(args.cpu) * CPU_LIMIT_FACTOR}m"
    container: ContainerArgsDict = {
        "name": name,
        "image": args.image,
        "image_pull_policy": "IfNotPresent",
        "env": env,
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
    }
    if args.args:
        container["args"] = list(args.args)
    if args.ports:
        container["ports"] = [
            {"name": port, "container_port": number, "protocol": protocol} for port, number, protocol in _ports(args)
        ]
    if mounts:
        container["volume_mounts"] = mounts
    if args.probes:
        probes, startup = args.probes, -(-args.probes.startup_seconds // 5)
        container["startup_probe"] = _probe(probes.port, probes.readiness_path, period=5, failures=startup)
        container["liveness_probe"] = _probe(probes.port, probes.liveness_path, period=10, failures=6)
        container["readiness_probe"] = _probe(probes.port, probes.readiness_path, period=5, failures=3)
    return container


def _before(name: str, args: WorkloadArgs, before: Before, mounts: list[VolumeMountArgsDict]) -> ContainerArgsDict:
    seen = replace(args, args=before.args, ports={}, probes=None)
    if before.image is not None:
        seen, mounts = replace(seen, image=before.image, env={}, secret_env={}, field_env={}), []
    return _container(f"{name}-before", seen, mounts)


def _ports(args: WorkloadArgs) -> list[tuple[str, int, str]]:
    """Name, number and protocol of each port."""
    over_udp = [(f"{args.peer_port}-udp", args.ports[args.peer_port], "UDP")] if args.peer_port else []
    return [*((port, number, "TCP") for port, number in args.ports.items()), *over_udp]


def _probe(port: str, path: str | None, *, period: int, failures: int) -> ProbeArgsDict:
    probe: ProbeArgsDict = {"period_seconds": period, "timeout_seconds": 5, "failure_threshold": failures}
    if path:
        probe["http_get"] = {"port": port, "path": path}
    else:
        probe["tcp_socket"] = {"port": port}
    return probe


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
    for path, size in args.empty_dirs.items():
        volume_name = path.strip("/").replace("/", "-")
        volumes.append({"name": volume_name, "empty_dir": {"size_limit": size}})
        mounts.append({"name": volume_name, "mount_path": path})
    host_paths: Mapping[str, HostPath] = args.daemon_set.host if args.daemon_set else {}
    for path, host in host_paths.items():
        volume_name = "host-" + path.strip("/").replace("/", "-")
        # Without the folder, `Directory` keeps the pod from starting, and no type leaves it to the runtime what happens.
        kind = "DirectoryOrCreate" if host.writable or host.optional else "Directory"
        volumes.append({"name": volume_name, "host_path": {"path": host.path, "type": kind}})
        mounts.append({"name": volume_name, "mount_path": path, "read_only": not host.writable})
    if args.persistent_volume:
        mounts.append({"name": "data", "mount_path": args.persistent_volume.path})
    return volumes, mounts
