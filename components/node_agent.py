"""The Collector on each node: container logs from its files, the node's own metrics, all of it to the gateway."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions

from components.collector import heap_environment, queue_environment
from components.namespace_context import Place
from components.rbac import grant_in_cluster
from components.volumes import read_once
from components.workload import HostPath, OnEveryNode, Probes, RunsAs, Workload, WorkloadArgs
from settings.model import Agent

NAME = "node-agent"
CONFIG = f"/etc/{NAME}/config"
QUEUES = 2


@dataclass(frozen=True, kw_only=True)
class NodeAgentArgs:
    """``gateway`` is the gateway's OTLP/gRPC address, ``host:port``."""

    place: Place
    settings: Agent
    config: str
    gateway: Input[str]
    kubelet_insecure: bool


class NodeAgent(pulumi.ComponentResource):
    """A DaemonSet, the only thing here that reads the node. Checkpoints and queues are on its disk: a restart loses nothing."""

    def __init__(self, name: str, args: NodeAgentArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:NodeAgent", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        workload = Workload(
            NAME,
            WorkloadArgs(
                place=place,
                image=place.images["otel-collector"],
                cpu=settings.cpu,
                memory=settings.memory,
                # By default lines would wait in memory after their checkpoint, and be lost with the process.
                args=[f"--config={CONFIG}/agent.yaml", "--feature-gates=stanza.synchronousLogEmitter"],
                env={
                    "ENVIRONMENT": place.environment,
                    "CLUSTER": place.cluster,
                    "GATEWAY_ENDPOINT": pulumi.Output.concat("dns:///", args.gateway),
                    "KUBELET_INSECURE": str(args.kubelet_insecure).lower(),
                    **queue_environment(settings.queue, QUEUES, fsync=False),
                    **heap_environment(settings.memory),
                },
                field_env={
                    "NODE_NAME": "spec.nodeName",
                    "NODE_IP": "status.hostIP",
                    "POD_NAMESPACE": "metadata.namespace",
                },
                ports={"metrics": 8888, "health": 13133},
                probes=Probes(port="health", alive="/", ready="/"),
                mounts={CONFIG: read_once(NAME, {"agent.yaml": args.config}, place, child)},
                on_every_node=OnEveryNode(
                    why="logs, checkpoints and the kernel's counters are files of the node",
                    host={
                        "/var/log/pods": HostPath(path="/var/log/pods"),
                        "/var/lib/node-agent": HostPath(path="/var/lib/atlas-node-agent", writable=True),
                        "/hostfs/proc": HostPath(path="/proc"),
                        "/hostfs/sys": HostPath(path="/sys"),
                    },
                ),
                runs_as=RunsAs(
                    user=0, why="the kubelet's log files are readable by root alone; it keeps no capability"
                ),
                reads_api="asks the kubelet for what pods and volumes use",
                headless=True,
            ),
            child,
        )
        grant_in_cluster(
            f"atlas-{NAME}",
            [{"api_groups": [""], "resources": ["nodes/stats"], "verbs": ["get"]}],
            {"kind": "ServiceAccount", "name": workload.service_account, "namespace": place.namespace},
            child,
        )
        self.register_outputs({})
