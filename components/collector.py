"""The OpenTelemetry Collector gateway: every signal comes in here, is cleaned, and waits on disk until its store has it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Service

from catalog.collector_config import count_persistent_queues, merge_configs
from catalog.reserved_metrics import agent_metrics, reserved_metrics
from components.backend import MetricsBackend, TelemetryBackend, gateway_addresses, gateway_overlays
from components.namespace_context import NamespaceContext
from components.rbac import grant_in_namespace, may_read
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume, secret_volume
from components.workload import PersistentVolume, Probes, Workload, WorkloadArgs
from settings.model import Collector as CollectorSettings
from settings.model import Settings
from settings.units import format_number, go_memory_limit, to_bytes, to_hours

NAME = "otel-collector"
CONFIG = "/etc/otel-collector/config"
SECRETS = "/etc/otel-collector/secrets"
QUEUE_RATIO = 0.6
"""Of the volume, for all queues together: a full volume loses what was acknowledged, a full queue refuses what comes next."""
QUEUE_FILE_RATIO = 0.9
"""Of the volume, for the queues' files: half as much again as the queues hold, for the store's own pages."""
GOMEMLIMIT_RATIO = 0.55
"""Of the memory. Below what the memory limiter allows (60 %): garbage is collected before anybody is refused because of it."""
GOGC_PERCENT = 400
"""Percent of what is in use that garbage may come to before it is collected. Go's own 100 costs a quarter more processor time."""

LOKI_LATE_HOURS = 12
"""How much older than the newest of its stream Loki takes a record: half of max_chunk_age in config/loki/loki.yaml."""
MAX_QUEUE_HOURS = 4
"""For what waits in a gateway's queue: two hours without its store, the time to send it then, and clocks that are apart."""


@dataclass(frozen=True, kw_only=True)
class CollectorArgs:
    """``configs`` are the gateway's own configuration and its overlays; ``overlay_environment`` are variables of theirs.

    ``rules`` are the texts of the rule files: not everybody may push what they read. Every backend gets every record. Pods of the
    namespace ``senders`` reach the gateway by ``otel-collector:4317`` and speak for themselves; the node agents of ``agents``
    speak for all pods of their node, where there are any. ``secret`` names the Secret with the backends' tokens.
    """

    context: NamespaceContext
    settings: CollectorSettings
    image: Input[str]
    configs: Sequence[str]
    logs: TelemetryBackend
    traces: TelemetryBackend
    metrics: MetricsBackend
    overlay_environment: Mapping[str, str]
    rules: Collection[str]
    senders: NamespaceContext
    agents: NamespaceContext | None
    masks_personal_data: bool
    secret: Input[str] | None = None

    @staticmethod
    def of(
        stack: StackInputs,
        configured_secrets: Collection[str],
        logs: TelemetryBackend,
        traces: TelemetryBackend,
        metrics: MetricsBackend,
    ) -> "CollectorArgs":
        """What the component needs of the stack."""
        return CollectorArgs(
            context=stack.observability,
            settings=stack.settings.collector,
            image=stack.images["otel-collector"],
            configs=gateway_configs(stack.settings, stack.catalog.folder("collector"), configured_secrets),
            logs=logs,
            traces=traces,
            metrics=metrics,
            overlay_environment={**gateway_addresses(stack.settings), **log_bounds(stack.settings)},
            rules=stack.catalog.rules.values(),
            senders=stack.trading,
            agents=stack.contexts.get("agents"),
            masks_personal_data=stack.settings.masks_personal_data,
            secret=stack.secrets.workloads.get("otel-collector"),
        )


class Collector(pulumi.ComponentResource):
    """A StatefulSet of gateways, each with its own queue volume, behind a headless Service over which clients balance."""

    otlp_endpoint: Output[str]
    """OTLP/gRPC, ``host:port``."""

    def __init__(self, name: str, args: CollectorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Collector", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings, senders = args.context, args.settings, args.senders
        # Without agents it looks where none can be: beside itself, where the program alone makes pods.
        agents = args.agents or context
        config = merge_configs(args.configs)
        mounts = {CONFIG: immutable_config_volume(NAME, {"gateway.yaml": config}, context, child)}
        first, *others = args.metrics.replicas
        replica = {"METRICS_REPLICA_ENDPOINT": others[0].otlp_url} if others else {}
        if args.secret:
            mounts[SECRETS] = secret_volume("secrets", args.secret)
        workload = Workload(
            NAME,
            WorkloadArgs(
                context=context,
                image=args.image,
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=[f"--config={CONFIG}/gateway.yaml"],
                env={
                    "ENVIRONMENT": context.environment,
                    "CLUSTER": context.cluster,
                    "TRADING_NAMESPACE": senders.namespace,
                    "RESERVED_METRICS": reserved_metrics(args.rules),
                    "AGENT_METRICS": agent_metrics(args.rules),
                    "AGENTS_NAMESPACE": agents.namespace,
                    "LOGS_ENDPOINT": args.logs.otlp_url,
                    "TRACES_ENDPOINT": args.traces.otlp_url,
                    "METRICS_ENDPOINT": first.otlp_url,
                    **replica,
                    **args.overlay_environment,
                    "SAMPLING_PERCENTAGE": format_number(settings.sampling_percentage),
                    "MASK_PERSONAL_DATA": str(args.masks_personal_data).lower(),
                    **queue_environment(settings.volume, count_persistent_queues(config), fsync=settings.fsync),
                    **heap_environment(settings.memory),
                },
                ports={"otlp-grpc": 4317, "otlp-http": 4318, "metrics": 8888, "health": 13133},
                probes=Probes(port="health", liveness_path="/", readiness_path="/"),
                mounts=mounts,
                persistent_volume=PersistentVolume(path="/var/lib/otel-collector", size=settings.volume),
                api_access_reason="tells by its address whose telemetry comes in",
                headless=True,
            ),
            child,
        )
        for resource_name, namespace in (
            ("otel-collector-metadata", senders.namespace),
            ("otel-collector-agents", agents.namespace),
        ):
            grant_in_namespace(
                resource_name,
                may_read([("", ["pods"])]),
                namespace,
                {"kind": "ServiceAccount", "name": workload.service_account, "namespace": context.namespace},
                child,
                resource_name=resource_name,
            )
        Service(
            f"{NAME}-from-trading",
            metadata={"name": NAME, "namespace": senders.namespace, "labels": senders.labels(NAME)},
            spec={"type": "ExternalName", "external_name": Output.concat(workload.address, ".cluster.local")},
            opts=child,
        )
        self.otlp_endpoint = Output.concat(workload.address, ":4317")
        self.register_outputs({"otlp_endpoint": self.otlp_endpoint})


def queue_environment(volume: str, queues: int, *, fsync: bool) -> dict[str, str]:
    """The bounds of each of ``queues`` persistent queues on a volume of that size."""
    return {
        "QUEUE_BYTES": str(int(to_bytes(volume) * QUEUE_RATIO) // queues),
        "QUEUE_FILE_BYTES": str(int(to_bytes(volume) * QUEUE_FILE_RATIO) // queues),
        "QUEUE_FSYNC": str(fsync).lower(),
    }


def heap_environment(memory: str) -> dict[str, str]:
    """When a Collector that may use that much memory collects its garbage."""
    return {"GOMEMLIMIT": go_memory_limit(memory, GOMEMLIMIT_RATIO), "GOGC": str(GOGC_PERCENT)}


def log_bounds(settings: Settings) -> dict[str, str]:
    """How old a log record may be when it comes: what its store takes, less the time that the record may wait in a queue.

    VictoriaLogs takes all within its retention. A store of the user's own is asked for no more than Loki.
    """
    own = settings.logs.backend == "victorialogs"
    hours = to_hours(settings.victorialogs.retention) if own else LOKI_LATE_HOURS
    return {"LOGS_MAX_AGE": f"{hours - MAX_QUEUE_HOURS}h"}


def gateway_configs(settings: Settings, files: Mapping[str, str], configured_secrets: Collection[str]) -> list[str]:
    """The gateway's own configuration and the overlays that settings and ``configured_secrets`` ask for."""
    upstream = settings.collector.distribution == "upstream"
    chosen = {
        "gateway.yaml": True,
        "gateway-upstream.yaml": upstream,
        "metrics-replica.yaml": settings.prometheus.replicas > 1 and not settings.prometheus.operator,
        "logs-victorialogs.yaml": settings.logs.backend == "victorialogs",
        "logs-victorialogs-upstream.yaml": settings.logs.backend == "victorialogs" and upstream,
        **dict.fromkeys(gateway_overlays(settings, configured_secrets), True),
    }
    return [files[file] for file, wanted in chosen.items() if wanted]
