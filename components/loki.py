"""Loki: the central store of logs, one process with a volume. Takes logs on its OTLP endpoint."""

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions

from components.files import read_once
from components.place import Place
from components.quantity import from_bytes, to_bytes, to_hours
from components.settings import Loki as LokiSettings
from components.workload import Data, Probes, Workload, WorkloadArgs


@dataclass(frozen=True, kw_only=True)
class LokiArgs:
    place: Place
    image: str
    settings: LokiSettings
    config: str


class Loki(pulumi.ComponentResource):
    url: Output[str]
    otlp_url: Output[str]
    """OTLP/HTTP base URL: the endpoint that answers 503, not a final 500, when Loki cannot take more."""

    def __init__(self, name: str, args: LokiArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Loki", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        workload = Workload(
            "loki",
            WorkloadArgs(
                place=place,
                image=args.image,
                cpu=settings.cpu,
                memory=settings.memory,
                args=["-config.file=/etc/loki/config/loki.yaml", "-config.expand-env=true"],
                env={
                    "LOKI_RETENTION": f"{to_hours(settings.retention)}h",
                    "LOKI_WAL_REPLAY_CEILING": str(int(to_bytes(settings.memory) * 0.75)),
                    "GOMEMLIMIT": from_bytes(int(to_bytes(settings.memory) * 0.8)) + "B",
                },
                ports={"http-metrics": 3100},
                probes=Probes(
                    port="http-metrics", alive="/loki/api/v1/status/buildinfo", ready="/ready", startup_seconds=300
                ),
                mounts={"/etc/loki/config": read_once("loki", {"loki.yaml": args.config}, place, child)},
                scratch={"/tmp": "64Mi"},
                data=Data(path="/var/lib/loki", size=settings.volume),
                headless=True,
                grace_seconds=300,
            ),
            child,
        )
        self.url = Output.concat("http://", workload.address, ":3100")
        self.otlp_url = Output.concat(self.url, "/otlp")
        self.register_outputs({"url": self.url, "otlp_url": self.otlp_url})
