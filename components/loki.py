"""Loki: the central store of logs. One process with a volume, or replicas on object storage. Takes logs on its OTLP endpoint."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.backend import Store
from components.namespace_context import Place
from components.volumes import read_once
from components.workload import Data, Probes, SecretKey, Workload, WorkloadArgs
from settings.model import Loki as LokiSettings
from settings.units import from_bytes, to_bytes, to_hours


@dataclass(frozen=True, kw_only=True)
class LokiArgs:
    """``secret`` names the Secret with the object storage's ``access-key`` and ``secret-key``, if it asks for them."""

    place: Place
    settings: LokiSettings
    config: str
    secret: Input[str] | None = None


class Loki(pulumi.ComponentResource):
    store: Store
    """Its OTLP endpoint answers 503, not a final 500, when Loki cannot take more."""

    def __init__(self, name: str, args: LokiArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Loki", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings, store = args.place, args.settings, args.settings.object_storage
        # Loki reads its keys from the environment alone.
        keys = {"AWS_ACCESS_KEY_ID": "access-key", "AWS_SECRET_ACCESS_KEY": "secret-key"}
        workload = Workload(
            "loki",
            WorkloadArgs(
                place=place,
                image=place.images["loki"],
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=["-config.file=/etc/loki/config/loki.yaml", "-config.expand-env=true"],
                env={
                    "LOKI_RETENTION": f"{to_hours(settings.retention)}h",
                    "LOKI_WAL_REPLAY_CEILING": str(int(to_bytes(settings.memory) * 0.75)),
                    "LOKI_STORE": "s3" if store else "filesystem",
                    "LOKI_S3_ENDPOINT": store.endpoint if store else "",
                    "LOKI_S3_BUCKET": store.bucket if store else "",
                    "LOKI_S3_REGION": store.region if store else "",
                    "LOKI_RING": "memberlist" if settings.replicas > 1 else "inmemory",
                    "LOKI_MEMBERS": Output.format("loki-peers.{0}.svc:7946", place.namespace),
                    "LOKI_REPLICATION": str(min(settings.replicas, 3)),
                    "GOMEMLIMIT": from_bytes(int(to_bytes(settings.memory) * 0.8)) + "B",
                },
                secret_env={name: SecretKey(secret=args.secret, key=key) for name, key in keys.items()}
                if args.secret
                else {},
                ports={"http-metrics": 3100, "grpc": 9095, "gossip": 7946},
                probes=Probes(
                    port="http-metrics", alive="/loki/api/v1/status/buildinfo", ready="/ready", startup_seconds=300
                ),
                mounts={"/etc/loki/config": read_once("loki", {"loki.yaml": args.config}, place, child)},
                scratch={"/tmp": "64Mi"},
                data=Data(path="/var/lib/loki", size=settings.volume),
                headless=True,
                gossip="gossip" if settings.replicas > 1 else None,
                grace_seconds=300,
            ),
            child,
        )
        url = Output.concat("http://", workload.address, ":3100")
        self.store = Store(otlp_url=Output.concat(url, "/otlp"), query_url=url)
        self.register_outputs({"url": url})
