"""VictoriaLogs: the store of logs where Loki is not wanted or cannot be had. One process with a volume; it has no config file."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.backend import TelemetryBackend
from components.namespace_context import NamespaceContext
from components.stack_inputs import StackInputs
from components.workload import PersistentVolume, Probes, Workload, WorkloadArgs
from settings.model import VictoriaLogs as VictoriaLogsSettings
from settings.units import go_memory_limit, to_bytes, to_hours

DATA = "/var/lib/victorialogs"
RETENTION_SIZE_RATIO = 0.8
"""Of the volume, before the oldest days go. Today and yesterday always stay, so a volume can still become full."""
MIN_FREE_RATIO = 0.05
"""Of the volume. With less left it answers 429 to what comes, which the gateway keeps and sends again; merges need the room."""


@dataclass(frozen=True, kw_only=True)
class VictoriaLogsArgs:
    context: NamespaceContext
    settings: VictoriaLogsSettings
    image: Input[str]

    @staticmethod
    def of(stack: StackInputs) -> "VictoriaLogsArgs":
        """What the component needs of the stack."""
        return VictoriaLogsArgs(
            context=stack.observability,
            settings=stack.settings.victorialogs,
            image=stack.images["victorialogs"],
        )


class VictoriaLogs(pulumi.ComponentResource):
    backend: TelemetryBackend
    """It takes OTLP as protobuf alone, and answers 200 also where it drops a record: the gateway sends none that it would drop."""

    def __init__(self, name: str, args: VictoriaLogsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:VictoriaLogs", name, {}, opts)
        child = ResourceOptions(parent=self)
        settings = args.settings
        workload = Workload(
            "victorialogs",
            WorkloadArgs(
                context=args.context,
                image=args.image,
                cpu=settings.cpu,
                memory=settings.memory,
                args=flags(settings),
                env={"GOMEMLIMIT": go_memory_limit(settings.memory)},
                ports={"http-metrics": 9428},
                probes=Probes(
                    port="http-metrics", liveness_path="/health", readiness_path="/health", startup_seconds=300
                ),
                persistent_volume=PersistentVolume(path=DATA, size=settings.volume),
                headless=True,
            ),
            child,
        )
        url = Output.concat("http://", workload.address, ":9428")
        self.backend = TelemetryBackend(otlp_url=Output.concat(url, "/insert/opentelemetry"), query_url=url)
        self.register_outputs({"url": url})


def flags(settings: VictoriaLogsSettings) -> list[str]:
    """The whole configuration, as flags of the program."""
    volume = to_bytes(settings.volume)
    return [
        "-httpListenAddr=:9428",
        f"-storageDataPath={DATA}",
        f"-retentionPeriod={to_hours(settings.retention)}h",
        f"-retention.maxDiskSpaceUsageBytes={int(volume * RETENTION_SIZE_RATIO)}",
        f"-storage.minFreeDiskSpaceBytes={int(volume * MIN_FREE_RATIO)}",
        # The shortest that it takes: what came after the last one is lost when the process is killed.
        "-inmemoryDataFlushInterval=1s",
        "-defaultMsgValue=(no message)",
        "-loggerFormat=json",
        # Whoever may ask it for logs must not take days away. While the file is not there, the key is random and nobody's.
        *(f"-{each}AuthKey=file:///nonexistent" for each in ("partitionManage", "forceMerge", "logNewStreams")),
    ]
