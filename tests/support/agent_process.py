"""The node agent's own configuration, run by the real Collector between log files as a container runtime writes them and gateways
that only remember.

What differs from what ships: folders, and the way to the kubelet. It listens on a loopback address of its own, at the ports that
ship.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.data.kubelet_stub import Kubelet
from tests.support.addresses import loopback
from tests.support.collector_process import CollectorProcess

CONFIG = Path(__file__).parents[2] / "config/collector/agent.yaml"
UPSTREAM_AGENT = CONFIG.with_name("agent-upstream.yaml")
UPSTREAM_FLAGS = ["--feature-gates=stanza.synchronousLogEmitter"]
"""As the program starts it where it is the upstream image."""
NODE = "node-1"
MIB = 1 << 20


@dataclass(frozen=True)
class Record:
    """A log record as it left the agent. ``time`` is in nanoseconds; the ids are in hexadecimal, empty where there are none."""

    body: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    severity: str
    time: int
    trace: str
    span: str


def plain(value: AnyValue) -> Any:
    """An OTLP value as Python has it."""
    which = value.WhichOneof("value")
    if which == "kvlist_value":
        return pairs(value.kvlist_value.values)
    if which == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, which) if which else None


def pairs(items: Any) -> dict[str, Any]:
    """OTLP attributes as a mapping."""
    found: list[KeyValue] = list(items)
    return {item.key: plain(item.value) for item in found}


class GatewayStub:
    """Takes logs and metrics over gRPC at a gateway's port. ``down`` and ``up`` may be repeated; it forgets nothing.

    ``largest`` is the number of records in its largest request.
    """

    def __init__(self) -> None:
        self.address = loopback()
        self.records: list[Record] = []
        self.metrics: list[tuple[dict[str, Any], Any]] = []
        self.requests = 0
        self.largest = 0
        self._server: grpc.Server | None = None

    @property
    def endpoint(self) -> str:
        return f"dns:///{self.address}:4317"

    def bodies(self) -> Counter[str]:
        return Counter(record.body for record in list(self.records))

    def up(self) -> None:
        server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 16 * MIB)])
        package = "opentelemetry.proto.collector"
        for service, take, request in (
            (f"{package}.logs.v1.LogsService", self._take_logs, ExportLogsServiceRequest),
            (f"{package}.metrics.v1.MetricsService", self._take_metrics, ExportMetricsServiceRequest),
        ):
            handler = grpc.unary_unary_rpc_method_handler(take, request.FromString, _serialized)
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
        assert server.add_insecure_port(f"{self.address}:4317")
        server.start()
        self._server = server

    def down(self) -> None:
        if self._server:
            self._server.stop(None).wait()
            self._server = None

    def _take_logs(self, request: Any, context: Any) -> ExportLogsServiceResponse:
        self.requests += 1
        before = len(self.records)
        for group in request.resource_logs:
            resource = pairs(group.resource.attributes)
            for scope in group.scope_logs:
                self.records += [
                    Record(
                        str(plain(item.body)),
                        pairs(item.attributes),
                        resource,
                        item.severity_text,
                        item.time_unix_nano,
                        item.trace_id.hex(),
                        item.span_id.hex(),
                    )
                    for item in scope.log_records
                ]
        self.largest = max(self.largest, len(self.records) - before)
        return ExportLogsServiceResponse()

    def _take_metrics(self, request: Any, context: Any) -> ExportMetricsServiceResponse:
        for group in request.resource_metrics:
            resource = pairs(group.resource.attributes)
            for scope in group.scope_metrics:
                self.metrics += [(resource, metric) for metric in scope.metrics]
        return ExportMetricsServiceResponse()


def _serialized(answer: Any) -> bytes:
    return answer.SerializeToString()


class ContainerLog:
    """One container's log below the kubelet's folder, in the lines of the container runtime interface."""

    def __init__(
        self, pods: Path, pod: str = "api-7d9c-x2x7q", container: str = "api", namespace: str = "trading"
    ) -> None:
        self.uid = "-".join((secrets.token_hex(4), secrets.token_hex(2), secrets.token_hex(6)))
        self.namespace, self.pod, self.container = namespace, pod, container
        self.path = pods / f"{namespace}_{pod}_{self.uid}" / container / "0.log"
        self.path.parent.mkdir(parents=True)
        self.rotations = 0

    def write(self, *lines: str, stream: str = "stdout", tag: str = "F", at: str | None = None) -> None:
        """Whole lines, or parts of one with the tag ``P``."""
        text = "".join(f"{at or now()} {stream} {tag} {line}\n" for line in lines)
        self.raw(text.encode())

    def raw(self, content: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(content)

    def rotate(self) -> Path:
        """As the kubelet does: the file gets another name, and the runtime opens a new one."""
        self.rotations += 1
        rotated = self.path.with_name(f"0.log.20261124-{150000 + self.rotations:06d}")
        self.path.rename(rotated)
        self.path.touch()
        return rotated


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


class Agent(CollectorProcess):
    """A running agent, with its checkpoints and queues in ``<folder>/state``."""

    def __init__(
        self,
        folder: Path,
        gateway: str,
        *,
        kubelet: Kubelet | None = None,
        text: str | None = None,
        environment: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        variant: Callable[[dict[str, Any]], None] | None = None,
        through: Sequence[str] = (),
    ) -> None:
        """``gateway`` is what the agent sends to; ``variant`` changes the configuration before it runs. Without a ``kubelet``
        it asks none, and measures nothing. ``text`` is the configuration where it is not ``agent.yaml``.
        """
        self.pods = folder / "pods"
        self.pods.mkdir(parents=True, exist_ok=True)
        config = as_run(folder, text)
        if kubelet is None:
            config["service"]["pipelines"].pop("metrics")
        else:
            config["receivers"]["kubelet_stats"] |= kubelet.client_settings(folder) | {"collection_interval": "1s"}
            config["receivers"]["host_metrics"]["collection_interval"] = "1s"
        if variant:
            variant(config)
        told = {
            "NODE_NAME": NODE,
            "NODE_IP": kubelet.address if kubelet else "127.0.0.1",
            "POD_NAMESPACE": "node-agents",
            "ENVIRONMENT": "local",
            "CLUSTER": "test",
            "KUBELET_INSECURE": "false",
            "MASK_PERSONAL_DATA": "false",
            "QUEUE_BYTES": str(64 * MIB),
            "QUEUE_FILE_BYTES": str(96 * MIB),
            "QUEUE_FSYNC": "false",
            "GOMEMLIMIT": "200MiB",
            **(environment or {}),
            "GATEWAY_ENDPOINT": gateway,
        }
        super().__init__(folder, loopback(), config, told, flags=flags, through=through)


def as_run(folder: Path, text: str | None = None) -> dict[str, Any]:
    """The configuration that ships, with its mounts in ``folder``; the host's /proc and /sys are the machine's own."""
    text = text or CONFIG.read_text()
    for mounted, here in {
        "/var/log/pods": str(folder / "pods"),
        "/var/lib/node-agent": str(folder / "state"),
        "root_path: /hostfs": "root_path: /",
    }.items():
        assert mounted in text
        text = text.replace(mounted, here)
    return yaml.safe_load(text)
