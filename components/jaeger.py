"""Jaeger with its embedded store: the traces of environments that have no trace store of their own."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.backend import TelemetryBackend
from components.namespace_context import NamespaceContext
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume
from components.workload import PersistentVolume, Probes, Workload, WorkloadArgs
from settings.model import Jaeger as JaegerSettings
from settings.units import go_memory_limit, to_hours


@dataclass(frozen=True, kw_only=True)
class JaegerArgs:
    context: NamespaceContext
    settings: JaegerSettings
    image: Input[str]
    config: str

    @staticmethod
    def of(stack: StackInputs) -> "JaegerArgs":
        """What the component needs of the stack."""
        return JaegerArgs(
            context=stack.observability,
            settings=stack.settings.jaeger,
            image=stack.images["jaeger"],
            config=stack.config["jaeger/jaeger.yaml"],
        )


class Jaeger(pulumi.ComponentResource):
    backend: TelemetryBackend

    def __init__(self, name: str, args: JaegerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Jaeger", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings = args.context, args.settings
        workload = Workload(
            "jaeger",
            WorkloadArgs(
                context=context,
                image=args.image,
                cpu=settings.cpu,
                memory=settings.memory,
                args=["--config=/etc/jaeger/config/jaeger.yaml"],
                env={
                    "JAEGER_RETENTION": f"{to_hours(settings.retention)}h",
                    "GOMEMLIMIT": go_memory_limit(settings.memory),
                    # It would trace its own queries, to a collector that is not there, and take up to 40 s longer to end.
                    "OTEL_TRACES_SAMPLER": "always_off",
                },
                ports={"otlp-grpc": 4317, "otlp-http": 4318, "query": 16686, "metrics": 8888, "health": 13133},
                probes=Probes(port="health", liveness_path="/status", readiness_path="/status", startup_seconds=300),
                mounts={
                    "/etc/jaeger/config": immutable_config_volume(
                        "jaeger", {"jaeger.yaml": args.config}, context, child
                    )
                },
                persistent_volume=PersistentVolume(path="/var/lib/jaeger", size=settings.volume),
                headless=True,
            ),
            child,
        )
        self.backend = TelemetryBackend(
            otlp_url=Output.concat("http://", workload.address, ":4318"),
            query_url=Output.concat("http://", workload.address, ":16686"),
        )
        self.register_outputs({"query_url": self.backend.query_url})
