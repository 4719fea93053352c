"""Loki: the central store of logs. One process with a volume, or replicas on object storage. Takes logs on its OTLP endpoint."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.backend import TelemetryBackend
from components.namespace_context import NamespaceContext
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume
from components.workload import PersistentVolume, Probes, SecretKey, Workload, WorkloadArgs
from settings.model import Loki as LokiSettings
from settings.units import go_memory_limit, to_bytes, to_hours


@dataclass(frozen=True, kw_only=True)
class LokiArgs:
    """``secret`` names the Secret with the object storage's ``access-key`` and ``secret-key``, if it asks for them."""

    context: NamespaceContext
    settings: LokiSettings
    image: Input[str]
    config: str
    secret: Input[str] | None = None

    @staticmethod
    def of(stack: StackInputs) -> "LokiArgs":
        """What the component needs of the stack."""
        return LokiArgs(
            context=stack.observability,
            settings=stack.settings.loki,
            image=stack.images["loki"],
            config=stack.config["loki/loki.yaml"],
            secret=stack.secrets.workloads.get("loki"),
        )


class Loki(pulumi.ComponentResource):
    backend: TelemetryBackend
    """Its OTLP endpoint answers 503, not a final 500, when Loki cannot take more."""

    def __init__(self, name: str, args: LokiArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Loki", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings, object_storage = args.context, args.settings, args.settings.object_storage
        # Loki reads its keys from the environment alone.
        keys = {"AWS_ACCESS_KEY_ID": "access-key", "AWS_SECRET_ACCESS_KEY": "secret-key"}
        workload = Workload(
            "loki",
            WorkloadArgs(
                context=context,
                image=args.image,
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=["-config.file=/etc/loki/config/loki.yaml", "-config.expand-env=true"],
                env={
                    "LOKI_RETENTION": f"{to_hours(settings.retention)}h",
                    "LOKI_WAL_REPLAY_CEILING": str(int(to_bytes(settings.memory) * 0.75)),
                    "LOKI_STORE": "s3" if object_storage else "filesystem",
                    "LOKI_S3_ENDPOINT": object_storage.endpoint if object_storage else "",
                    "LOKI_S3_BUCKET": object_storage.bucket if object_storage else "",
                    "LOKI_S3_REGION": object_storage.region if object_storage else "",
                    "LOKI_RING": "memberlist" if settings.replicas > 1 else "inmemory",
                    "LOKI_MEMBERS": Output.format("loki-peers.{0}.svc:7946", context.namespace),
                    "LOKI_REPLICATION": str(min(settings.replicas, 3)),
                    "GOMEMLIMIT": go_memory_limit(settings.memory),
                },
                secret_env={name: SecretKey(secret=args.secret, key=key) for name, key in keys.items()}
                if args.secret
                else {},
                ports={"http-metrics": 3100, "grpc": 9095, "gossip": 7946},
                probes=Probes(
                    port="http-metrics",
                    liveness_path="/loki/api/v1/status/buildinfo",
                    readiness_path="/ready",
                    startup_seconds=300,
                ),
                mounts={
                    "/etc/loki/config": immutable_config_volume("loki", {"loki.yaml": args.config}, context, child)
                },
                empty_dirs={"/tmp": "64Mi"},
                persistent_volume=PersistentVolume(path="/var/lib/loki", size=settings.volume),
                headless=True,
                peer_port="gossip" if settings.replicas > 1 else None,
                termination_grace_seconds=300,
            ),
            child,
        )
        url = Output.concat("http://", workload.address, ":3100")
        self.backend = TelemetryBackend(otlp_url=Output.concat(url, "/otlp"), query_url=url)
        self.register_outputs({"url": url})
