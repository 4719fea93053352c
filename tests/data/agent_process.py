"""The node agent's own configuration, run by the real Collector between log files as a container runtime writes them and gateways
that only remember.

What differs from what ships: folders, and the way to the kubelet. It listens on a loopback address of its own, at the ports that
ship.
"""

import os
import secrets
import signal
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import yaml
from collector_process import loopback, tool, wait_until
from kubelet_stub import Kubelet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

CONFIG = Path(__file__).parents[2] / "config/collector/agent.yaml"
FLAGS = ["--feature-gates=stanza.synchronousLogEmitter"]
"""As the program starts it."""
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


class Agent:
    """A running agent. ``stop`` and ``start`` may be repeated: checkpoints and queues stay."""

    def __init__(
        self,
        folder: Path,
        gateway: str,
        *,
        kubelet: Kubelet | None = None,
        environment: Mapping[str, str] | None = None,
        flags: list[str] | None = None,
        variant: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """``gateway`` is what the agent sends to; ``variant`` changes the configuration before it runs. Without a ``kubelet``
        it asks none, and measures nothing.
        """
        self.pods = folder / "pods"
        self.pods.mkdir(parents=True)
        self.address = loopback()
        self._folder, self._flags = folder, FLAGS if flags is None else flags
        config = as_run(folder)
        if kubelet is None:
            config["service"]["pipelines"].pop("metrics")
        else:
            config["receivers"]["kubelet_stats"] |= kubelet.client_settings(folder) | {"collection_interval": "1s"}
            config["receivers"]["host_metrics"]["collection_interval"] = "1s"
        if variant:
            variant(config)
        self._config = folder / "agent.yaml"
        self._config.write_text(yaml.safe_dump(config, sort_keys=False))
        self._environment = {
            "PATH": os.environ["PATH"],
            "MY_POD_IP": self.address,
            "NODE_NAME": NODE,
            "NODE_IP": kubelet.address if kubelet else "127.0.0.1",
            "POD_NAMESPACE": "node-agents",
            "ENVIRONMENT": "local",
            "CLUSTER": "test",
            "KUBELET_INSECURE": "false",
            "GATEWAY_ENDPOINT": gateway,
            "QUEUE_BYTES": str(64 * MIB),
            "QUEUE_FILE_BYTES": str(96 * MIB),
            "QUEUE_FSYNC": "false",
            "GOMEMLIMIT": "200MiB",
        } | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            command = [tool("otelcol-atlas"), f"--config={self._config}", *self._flags]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        wait_until(self._healthy, 20, f"the agent to be healthy; its log is {self._folder / 'log'}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def own_metrics(self) -> str:
        with urllib.request.urlopen(f"http://{self.address}:8888/metrics", timeout=5) as answer:
            return answer.read().decode()

    def _healthy(self) -> bool:
        assert self._process
        assert self._process.poll() is None, f"the agent ended:\n{self.log()[-4000:]}"
        try:
            with urllib.request.urlopen(f"http://{self.address}:13133/", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def as_run(folder: Path) -> dict[str, Any]:
    """The configuration that ships, with its mounts in ``folder``; the host's /proc and /sys are the machine's own."""
    text = CONFIG.read_text()
    for mounted, here in {
        "/var/log/pods": str(folder / "pods"),
        "/var/lib/node-agent": str(folder / "state"),
        "root_path: /hostfs": "root_path: /",
    }.items():
        assert mounted in text
        text = text.replace(mounted, here)
    return yaml.safe_load(text)


@contextmanager
def agent_running(agent: Agent) -> Iterator[Agent]:
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()
