"""The Collector on each node: container logs from its files, the node's own metrics, all of it to the gateway."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions

from catalog.collector_config import merge_configs
from components.collector import heap_environment, queue_environment
from components.namespace_context import NamespaceContext
from components.rbac import grant_in_cluster
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume
from components.workload import Before, DaemonSetOptions, HostPath, Probes, UserOverride, Workload, WorkloadArgs
from settings.model import Agent

NAME = "node-agent"
CONFIG = f"/etc/{NAME}/config"
QUEUES = 2


@dataclass(frozen=True, kw_only=True)
class NodeAgentArgs:
    """``configs`` are the agent's own configuration and its overlays.

    ``gateway`` is the gateway's OTLP/gRPC address, ``host:port``.
    """

    context: NamespaceContext
    settings: Agent
    image: Input[str]
    configs: Sequence[str]
    options: Sequence[str]
    """Of the command line."""
    gateway: Input[str]
    kubelet_insecure: bool
    masks_personal_data: bool

    @staticmethod
    def of(stack: StackInputs, gateway: Input[str]) -> "NodeAgentArgs":
        """What the component needs of the stack."""
        upstream = stack.settings.collector.distribution == "upstream"
        files = ("agent.yaml", *(["agent-upstream.yaml"] if upstream else []))
        return NodeAgentArgs(
            context=stack.contexts["agents"],
            settings=stack.settings.agent,
            image=stack.images["otel-collector"],
            configs=[stack.config[f"collector/{file}"] for file in files],
            # By default its lines would wait in memory after their checkpoint, and be lost with the process.
            options=["--feature-gates=stanza.synchronousLogEmitter"] if upstream else [],
            gateway=gateway,
            kubelet_insecure=stack.settings.cluster.kubelet_insecure,
            masks_personal_data=stack.settings.masks_personal_data,
        )


class NodeAgent(pulumi.ComponentResource):
    """A DaemonSet, the only thing here that reads the node. Checkpoints and queues are on its disk: a restart loses nothing."""

    def __init__(self, name: str, args: NodeAgentArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:NodeAgent", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings = args.context, args.settings
        workload = Workload(
            NAME,
            WorkloadArgs(
                context=context,
                image=args.image,
                cpu=settings.cpu,
                memory=settings.memory,
                before=Before(
                    reason="when it ends, the cluster knows the pod's address, by which the gateway tells an agent from a stranger",
                    args=["validate", f"--config={CONFIG}/agent.yaml", *args.options],
                ),
                args=[f"--config={CONFIG}/agent.yaml", *args.options],
                env={
                    "ENVIRONMENT": context.environment,
                    "CLUSTER": context.cluster,
                    "GATEWAY_ENDPOINT": pulumi.Output.concat("dns:///", args.gateway),
                    "KUBELET_INSECURE": str(args.kubelet_insecure).lower(),
                    "MASK_PERSONAL_DATA": str(args.masks_personal_data).lower(),
                    **queue_environment(settings.queue, QUEUES, fsync=False),
                    **heap_environment(settings.memory),
                },
                field_env={
                    "NODE_NAME": "spec.nodeName",
                    "NODE_IP": "status.hostIP",
                    "POD_NAMESPACE": "metadata.namespace",
                },
                ports={"metrics": 8888, "health": 13133},
                probes=Probes(port="health", liveness_path="/", readiness_path="/"),
                mounts={
                    CONFIG: immutable_config_volume(NAME, {"agent.yaml": merge_configs(args.configs)}, context, child)
                },
                daemon_set=DaemonSetOptions(
                    reason="logs, checkpoints and the kernel's counters are files of the node",
                    host={
                        "/var/log/pods": HostPath(path="/var/log/pods"),
                        # Where the links in the other folder lead on a node with cri-dockerd.
                        "/var/lib/docker/containers": HostPath(path="/var/lib/docker/containers", optional=True),
                        "/var/lib/node-agent": HostPath(path="/var/lib/atlas-node-agent", writable=True),
                        "/hostfs/proc": HostPath(path="/proc"),
                        "/hostfs/sys": HostPath(path="/sys"),
                    },
                ),
                user_override=UserOverride(
                    user=0, reason="the kubelet's log files are readable by root alone; it keeps no capability"
                ),
                api_access_reason="asks the kubelet for what pods and volumes use",
                headless=True,
            ),
            child,
        )
        grant_in_cluster(
            f"atlas-{NAME}",
            [{"api_groups": [""], "resources": ["nodes/stats"], "verbs": ["get"]}],
            {"kind": "ServiceAccount", "name": workload.service_account, "namespace": context.namespace},
            child,
        )
        self.register_outputs({})
