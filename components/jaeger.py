"""Jaeger with its embedded store: the traces of environments that have no trace store of their own."""

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions

from components.backend import Store
from components.namespace_context import Place
from components.volumes import read_once
from components.workload import Data, Probes, Workload, WorkloadArgs
from settings.model import Jaeger as JaegerSettings
from settings.units import from_bytes, to_bytes, to_hours


@dataclass(frozen=True, kw_only=True)
class JaegerArgs:
    place: Place
    settings: JaegerSettings
    config: str


class Jaeger(pulumi.ComponentResource):
    store: Store

    def __init__(self, name: str, args: JaegerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Jaeger", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        workload = Workload(
            "jaeger",
            WorkloadArgs(
                place=place,
                image=place.images["jaeger"],
                cpu=settings.cpu,
                memory=settings.memory,
                args=["--config=/etc/jaeger/config/jaeger.yaml"],
                env={
                    "JAEGER_RETENTION": f"{to_hours(settings.retention)}h",
                    "GOMEMLIMIT": from_bytes(int(to_bytes(settings.memory) * 0.8)) + "B",
                    # It would trace its own queries, to a collector that is not there, and take up to 40 s longer to end.
                    "OTEL_TRACES_SAMPLER": "always_off",
                },
                ports={"otlp-grpc": 4317, "otlp-http": 4318, "query": 16686, "metrics": 8888, "health": 13133},
                probes=Probes(port="health", alive="/status", ready="/status", startup_seconds=300),
                mounts={"/etc/jaeger/config": read_once("jaeger", {"jaeger.yaml": args.config}, place, child)},
                data=Data(path="/var/lib/jaeger", size=settings.volume),
                headless=True,
            ),
            child,
        )
        self.store = Store(
            otlp_url=Output.concat("http://", workload.address, ":4318"),
            query_url=Output.concat("http://", workload.address, ":16686"),
        )
        self.register_outputs({"query_url": self.store.query_url})
