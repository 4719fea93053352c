"""The OpenTelemetry Collector gateway: every signal comes in here, is cleaned, and waits on disk until its store has it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Service

from catalog.collector_config import merged, queues
from components.backend import Store
from components.namespace_context import Place
from components.rbac import grant_in_namespace, may_read
from components.volumes import read_once, secret_files
from components.workload import Data, Probes, Workload, WorkloadArgs
from settings.model import Collector as CollectorSettings
from settings.model import Settings
from settings.units import from_bytes, to_bytes

NAME = "otel-collector"
CONFIG = "/etc/otel-collector/config"
SECRETS = "/etc/otel-collector/secrets"
QUEUE_SHARE = 0.6
"""Of the volume, for all queues together: a full volume loses what was acknowledged, a full queue refuses what comes next."""
FENCE_SHARE = 0.9
"""Of the volume, for the queues' files: half as much again as the queues hold, for the store's own pages."""
HEAP_SHARE = 0.55
"""Of the memory. Below what the memory limiter allows (60 %): garbage is collected before anybody is refused because of it."""
GARBAGE = 400
"""Percent of what is in use that garbage may come to before it is collected. Go's own 100 costs a quarter more processor time."""


@dataclass(frozen=True, kw_only=True)
class CollectorArgs:
    """``configs`` are the gateway's own configuration and its overlays, ``copies`` further variables of theirs. Every store gets
    every record; ``metrics`` has one for each replica. ``platform`` is the namespace whose pods send telemetry, and say just
    ``otel-collector:4317``. ``secret`` names the Secret with the stores' tokens.
    """

    place: Place
    settings: CollectorSettings
    configs: Sequence[str]
    logs: Store
    traces: Store
    metrics: Sequence[Store]
    copies: Mapping[str, str]
    platform: Place
    secret: Input[str] | None = None


class Collector(pulumi.ComponentResource):
    """A StatefulSet of gateways, each with its own queue volume, behind a headless Service over which clients balance."""

    otlp_endpoint: Output[str]
    """OTLP/gRPC, ``host:port``."""

    def __init__(self, name: str, args: CollectorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Collector", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings, platform = args.place, args.settings, args.platform
        config = merged(args.configs)
        mounts = {CONFIG: read_once(NAME, {"gateway.yaml": config}, place, child)}
        first, *others = args.metrics
        replica = {"METRICS_REPLICA_ENDPOINT": others[0].otlp_url} if others else {}
        if args.secret:
            mounts[SECRETS] = secret_files("secrets", args.secret)
        workload = Workload(
            NAME,
            WorkloadArgs(
                place=place,
                image=place.images["otel-collector"],
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=[f"--config={CONFIG}/gateway.yaml"],
                env={
                    "ENVIRONMENT": place.environment,
                    "CLUSTER": place.cluster,
                    "TRADING_NAMESPACE": platform.namespace,
                    "LOGS_ENDPOINT": args.logs.otlp_url,
                    "TRACES_ENDPOINT": args.traces.otlp_url,
                    "METRICS_ENDPOINT": first.otlp_url,
                    **replica,
                    **args.copies,
                    "SAMPLING_PERCENTAGE": f"{settings.sampling_percentage:g}",
                    **queue_environment(settings.volume, queues(config), fsync=settings.fsync),
                    **heap_environment(settings.memory),
                },
                ports={"otlp-grpc": 4317, "otlp-http": 4318, "metrics": 8888, "health": 13133},
                probes=Probes(port="health", alive="/", ready="/"),
                mounts=mounts,
                data=Data(path="/var/lib/otel-collector", size=settings.volume),
                reads_api="adds pod and node names to telemetry",
                headless=True,
            ),
            child,
        )
        grant_in_namespace(
            "otel-collector-metadata",
            may_read([("", ["pods"])]),
            platform.namespace,
            {"kind": "ServiceAccount", "name": workload.service_account, "namespace": place.namespace},
            child,
            called="otel-collector-metadata",
        )
        Service(
            f"{NAME}-from-trading",
            metadata={"name": NAME, "namespace": platform.namespace, "labels": platform.labels(NAME)},
            spec={"type": "ExternalName", "external_name": Output.concat(workload.address, ".cluster.local")},
            opts=child,
        )
        self.otlp_endpoint = Output.concat(workload.address, ":4317")
        self.register_outputs({"otlp_endpoint": self.otlp_endpoint})


def queue_environment(volume: str, queues: int, *, fsync: bool) -> dict[str, str]:
    """The bounds of each of ``queues`` persistent queues on a volume of that size."""
    return {
        "QUEUE_BYTES": str(int(to_bytes(volume) * QUEUE_SHARE) // queues),
        "QUEUE_FILE_BYTES": str(int(to_bytes(volume) * FENCE_SHARE) // queues),
        "QUEUE_FSYNC": str(fsync).lower(),
    }


def heap_environment(memory: str) -> dict[str, str]:
    """When a Collector that may use that much memory collects its garbage."""
    return {"GOMEMLIMIT": from_bytes(int(to_bytes(memory) * HEAP_SHARE)) + "B", "GOGC": str(GARBAGE)}


def gateway_configs(settings: Settings, files: Mapping[str, str], given: Collection[str]) -> list[str]:
    """The gateway's own configuration and the overlays that settings and ``given`` secrets ask for."""
    traces, logs, elastic = settings.traces.endpoint, settings.logs.copy_to, settings.logs.elasticsearch
    wanted = {
        "gateway.yaml": True,
        "metrics-replica.yaml": settings.prometheus.replicas > 1 and not settings.prometheus.operator,
        "traces-external.yaml": traces,
        "traces-token.yaml": traces and "tracesToken" in given,
        "logs-otlp.yaml": logs,
        "logs-otlp-token.yaml": logs and "logsToken" in given,
        "logs-elasticsearch.yaml": elastic,
        "logs-elasticsearch-token.yaml": elastic and "elasticsearchApiKey" in given,
    }
    return [files[file] for file, asked in wanted.items() if asked]


def copies(settings: Settings) -> dict[str, str]:
    """The variables of the overlays that send logs to further stores."""
    named = {"LOGS_COPY_ENDPOINT": settings.logs.copy_to, "ELASTICSEARCH_ENDPOINT": settings.logs.elasticsearch}
    return {name: url for name, url in named.items() if url}
