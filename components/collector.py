"""The OpenTelemetry Collector gateway: every signal comes in here, is cleaned, and waits on disk until its store has it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Service

from components.files import read_once
from components.place import Place
from components.quantity import from_bytes, to_bytes
from components.rbac import grant_in_namespace, may_read
from components.settings import Collector as CollectorSettings
from components.workload import Data, Probes, Workload, WorkloadArgs

NAME = "otel-collector"
EXPORTERS = 3
QUEUE_SHARE = 0.6
"""Of the volume, for all queues together: a full volume loses what was acknowledged, a full queue refuses what comes next."""
FENCE_SHARE = 0.9
"""Of the volume, for the queues' files: half as much again as the queues hold, for the store's own pages."""
HEAP_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class CollectorArgs:
    """``*_endpoint`` are OTLP/HTTP base URLs. ``reachable_from`` are namespaces whose pods say just ``otel-collector:4317``."""

    place: Place
    image: str
    settings: CollectorSettings
    config: str
    logs_endpoint: Input[str]
    traces_endpoint: Input[str]
    metrics_endpoint: Input[str]
    reachable_from: Mapping[str, Input[str]]


class Collector(pulumi.ComponentResource):
    """A StatefulSet of gateways, each with its own queue volume, behind a headless Service over which clients balance."""

    otlp_endpoint: Output[str]
    """OTLP/gRPC, ``host:port``."""

    def __init__(self, name: str, args: CollectorArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Collector", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        workload = Workload(
            NAME,
            WorkloadArgs(
                place=place,
                image=args.image,
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=["--config=/etc/otel-collector/config/gateway.yaml"],
                env={
                    "ENVIRONMENT": place.environment,
                    "CLUSTER": place.cluster,
                    "LOGS_ENDPOINT": args.logs_endpoint,
                    "TRACES_ENDPOINT": args.traces_endpoint,
                    "METRICS_ENDPOINT": args.metrics_endpoint,
                    "SAMPLING_PERCENTAGE": f"{settings.sampling_percentage:g}",
                    "QUEUE_BYTES": str(int(to_bytes(settings.volume) * QUEUE_SHARE) // EXPORTERS),
                    "QUEUE_FILE_BYTES": str(int(to_bytes(settings.volume) * FENCE_SHARE) // EXPORTERS),
                    "QUEUE_FSYNC": str(settings.fsync).lower(),
                    "GOMEMLIMIT": from_bytes(int(to_bytes(settings.memory) * HEAP_SHARE)) + "B",
                },
                ports={"otlp-grpc": 4317, "otlp-http": 4318, "metrics": 8888, "health": 13133},
                probes=Probes(port="health", alive="/", ready="/"),
                mounts={"/etc/otel-collector/config": read_once(NAME, {"gateway.yaml": args.config}, place, child)},
                data=Data(path="/var/lib/otel-collector", size=settings.volume),
                reads_api="adds pod, node and namespace names to telemetry",
                headless=True,
            ),
            child,
        )
        for namespace, deployed in args.reachable_from.items():
            grant_in_namespace(
                "otel-collector-metadata",
                may_read([("", ["pods"])]),
                deployed,
                {"kind": "ServiceAccount", "name": workload.service_account, "namespace": place.namespace},
                child,
                called=f"otel-collector-metadata-{namespace}",
            )
            Service(
                f"{NAME}-from-{namespace}",
                metadata={"name": NAME, "namespace": deployed, "labels": place.labels(NAME)},
                spec={"type": "ExternalName", "external_name": Output.concat(workload.address, ".cluster.local")},
                opts=child,
            )
        self.otlp_endpoint = Output.concat(workload.address, ":4317")
        self.register_outputs({"otlp_endpoint": self.otlp_endpoint})
