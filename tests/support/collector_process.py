"""The gateway's own configuration, run by the real Collector between a sender and a store that only remembers.

What differs from what ships: its folder, the way to the Kubernetes API, JSON to the stores, and the interval of the span metrics.
It listens on a loopback address of its own, at the ports that ship.
"""

import gzip
import http.client
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from catalog.reserved_metrics import agent_metrics, reserved_metrics
from tests.support.addresses import loopback
from tests.support.http_json import read
from tests.support.tool_process import ToolProcess, tool

CONFIG = Path(__file__).parents[2] / "config/collector/gateway.yaml"
UPSTREAM_GATEWAY = CONFIG.with_name("gateway-upstream.yaml")
RULES = Path(__file__).parents[2] / "rules"
POD = "api-7d9c-x2x7q"
AGENT, API, WORKERS, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
"""From where the node agent sends, and with it whoever names no address; two pods of the platform; and one that nobody knows."""


class Sink:
    """Stands for all three stores. ``down`` answers as a store that is out; what was taken is in ``taken`` by signal.

    ``authorizations`` holds that header of every request, taken or not.
    """

    def __init__(self) -> None:
        self.taken: dict[str, list[dict[str, Any]]] = {"logs": [], "traces": [], "metrics": []}
        self.authorizations: list[str | None] = []
        self.down = False
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.authorizations.append(self.headers.get("Authorization"))
                down = sink.down
                if not down:
                    unpacked = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                    sink.taken[self.path.rpartition("/")[2]].append(json.loads(unpacked))
                self.send_response(503 if down else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the tests read what was taken."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def records(self) -> list[dict[str, Any]]:
        """Every log record taken."""
        return [record for _, record in self._walk("logs", "resourceLogs", "scopeLogs", "logRecords")]

    def spans(self) -> list[dict[str, Any]]:
        """Every span taken."""
        return [span for _, span in self._walk("traces", "resourceSpans", "scopeSpans", "spans")]

    def metrics(self, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Every (resource, metric) of that name taken."""
        walked = self._walk("metrics", "resourceMetrics", "scopeMetrics", "metrics")
        return [(resource, metric) for resource, metric in walked if metric["name"] == name]

    def resources(self, signal_name: str) -> list[dict[str, Any]]:
        """The attributes of every resource taken."""
        key = {"logs": "resourceLogs", "traces": "resourceSpans", "metrics": "resourceMetrics"}[signal_name]
        return [attributes(group["resource"]) for request in self.taken[signal_name] for group in request[key]]

    def _walk(
        self, signal_name: str, groups: str, scopes: str, items: str
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for request in list(self.taken[signal_name]):
            for group in request[groups]:
                for scope in group[scopes]:
                    for item in scope[items]:
                        yield attributes(group["resource"]), item


KINDS = {"pods": "PodList", "services": "ServiceList", "endpointslices": "EndpointSliceList"}


class KubernetesStub:
    """As much of an API server as discovery asks for: lists of a few objects, and watches that tell of what is added or deleted.

    ``objects`` are served under their namespace and resource: ``("trading", "pods")``.
    """

    def __init__(self, objects: Mapping[tuple[str, str], list[dict[str, Any]]]) -> None:
        self.asked: list[str] = []
        self._events: list[tuple[tuple[str, str], dict[str, Any]]] = []
        self._changed = threading.Condition()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                version, _, rest = self.path.partition("/namespaces/")
                namespace, _, resource = rest.partition("?")[0].partition("/")
                if "sendInitialEvents" in self.path or resource not in KINDS:
                    self.send_error(400)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                asked = parse_qs(urlsplit(self.path).query)
                labels = dict(each.split("=") for each in ",".join(asked.get("labelSelector", [])).split(",") if each)
                if "watch=" in self.path:
                    self._watch((namespace, resource), labels, int(asked["resourceVersion"][0]))
                    return
                group = version.removeprefix("/apis/").removeprefix("/api/")
                listed = {
                    "kind": KINDS[resource],
                    "apiVersion": group,
                    "metadata": {"resourceVersion": str(len(stub._events) + 1)},
                    "items": [
                        each
                        for each in objects.get((namespace, resource), [])
                        if labels.items() <= each["metadata"].get("labels", {}).items()
                    ],
                }
                self.wfile.write(json.dumps(listed).encode())

            def _watch(self, what: tuple[str, str], labels: Mapping[str, str], seen: int) -> None:
                self.wfile.flush()
                for number in itertools.count(seen - 1):
                    with stub._changed:
                        stub._changed.wait_for(lambda number=number: len(stub._events) > number)
                    where, event = stub._events[number]
                    if where == what and labels.items() <= event["object"]["metadata"].get("labels", {}).items():
                        self.wfile.write(json.dumps(event).encode() + b"\n")
                        self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tell(self, kind: str, added: dict[str, Any]) -> None:
        """Tell those who watch that this pod is ``ADDED`` or ``DELETED``. A list made later is as it was."""
        with self._changed:
            version = {"resourceVersion": str(len(self._events) + 2)}
            told = {"kind": "Pod", "apiVersion": "v1"} | added | {"metadata": added["metadata"] | version}
            self._events.append(((added["metadata"]["namespace"], "pods"), {"type": kind, "object": told}))
            self._changed.notify_all()

    def kubeconfig(self, path: Path) -> Path:
        return write_kubeconfig(path, f"http://127.0.0.1:{self.server.server_port}")


def write_kubeconfig(path: Path, server: str) -> Path:
    """A user of this API server, who shows nothing to it."""
    cluster = {"name": "stub", "cluster": {"server": server}}
    context = {"name": "stub", "context": {"cluster": "stub", "user": "stub"}}
    config = {
        "current-context": "stub",
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "stub", "user": {}}],
    }
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config"} | config))
    return path


def pod(name: str, namespace: str, address: str, workload: str | None = "api") -> dict[str, Any]:
    """A running pod of ``workload`` at ``address``."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": secrets.token_hex(16),
        "labels": {"app.kubernetes.io/name": workload} if workload else {},
    }
    return {
        "metadata": metadata,
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"podIP": address, "phase": "Running"},
    }


PODS = {
    ("node-agents", "pods"): [pod("node-agent-8x2lm", "node-agents", AGENT, "node-agent")],
    ("trading", "pods"): [pod(POD, "trading", API), pod("workers-58d7-k4m2p", "trading", WORKERS, "workers")],
}
"""What runs where a gateway of the tests looks."""


class CollectorProcess(ToolProcess):
    """A Collector at ``address``, with its configuration and its log in its folder.

    ``through`` is a command that starts the Collector's own, such as one that bounds its memory.
    """

    ready_within = 20

    def __init__(
        self,
        folder: Path,
        address: str,
        config: Mapping[str, Any],
        environment: Mapping[str, str],
        *,
        flags: Sequence[str] = (),
        through: Sequence[str] = (),
    ) -> None:
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        self.address = address
        command = [*through, tool("otelcol-atlas"), f"--config={file}", *flags]
        super().__init__(command, f"http://{address}:13133/", folder / "log", {"MY_POD_IP": address, **environment})

    def own_metrics(self) -> str:
        return read(f"http://{self.address}:8888/metrics", timeout=5)


class Gateway(CollectorProcess):
    """A running gateway, with its queues in ``<folder>/queues``."""

    def __init__(
        self,
        folder: Path,
        stores: Sink | Mapping[str, str],
        *,
        sampling: float = 100,
        text: str | None = None,
        environment: Mapping[str, str] | None = None,
        variant: Callable[[dict[str, Any]], None] | None = None,
        through: Sequence[str] = (),
        pods: Mapping[tuple[str, str], list[dict[str, Any]]] | None = None,
    ) -> None:
        """``stores`` is a sink, or the base URL of each signal's store; ``variant`` changes the configuration before it runs.

        ``text`` is the configuration where it is more than ``gateway.yaml``, and ``environment`` what it needs besides.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.kubernetes = KubernetesStub(pods or PODS)
        endpoints = dict.fromkeys(("logs", "traces", "metrics"), stores.url) if isinstance(stores, Sink) else stores
        text = (text or CONFIG.read_text()).replace("/var/lib/otel-collector", str(folder / "queues"))
        config = yaml.safe_load(text.replace("/etc/otel-collector/secrets", str(folder / "secrets")))
        if isinstance(stores, Sink):
            for exporter in config["exporters"].values():
                exporter["encoding"] = "json"
        lookups = [name for name in config["processors"] if name.startswith("k8s_attributes")]
        for name in lookups:
            config["processors"][name]["auth_type"] = "kubeConfig"
        config["connectors"]["span_metrics"]["metrics_flush_interval"] = "1s"
        if variant:
            variant(config)
        rules = [path.read_text() for path in RULES.glob("*.yaml")]
        told = {
            "KUBECONFIG": str(self.kubernetes.kubeconfig(folder / "kubeconfig")),
            "HOSTNAME": "otel-collector-0",
            "ENVIRONMENT": "local",
            "CLUSTER": "test",
            "TRADING_NAMESPACE": "trading",
            "RESERVED_METRICS": reserved_metrics(rules),
            "AGENT_METRICS": agent_metrics(rules),
            "AGENTS_NAMESPACE": "node-agents",
            **{f"{signal_name.upper()}_ENDPOINT": url for signal_name, url in endpoints.items()},
            "SAMPLING_PERCENTAGE": f"{sampling:g}",
            "LOGS_MAX_AGE": "167h",
            "MASK_PERSONAL_DATA": "false",
            "QUEUE_BYTES": str(64 << 20),
            "QUEUE_FILE_BYTES": str(192 << 20),
            "QUEUE_FSYNC": "false",
            "GOMEMLIMIT": "400MiB",
            **(environment or {}),
        }
        super().__init__(folder, loopback(), config, told, through=through)

    def send(self, signal_name: str, payload: Mapping[str, Any], source: str = AGENT) -> int:
        """Post one OTLP/HTTP request from the address ``source``; the status that the sender sees."""
        connection = http.client.HTTPConnection(self.address, 4318, timeout=30, source_address=(source, 0))
        connection.request(
            "POST",
            f"/v1/{signal_name}",
            json.dumps(payload, ensure_ascii=False).encode(),
            {"Content-Type": "application/json"},
        )
        status = connection.getresponse().status
        connection.close()
        return status


def value(plain: Any) -> dict[str, Any]:
    """``plain`` as an OTLP value."""
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, Mapping):
        return {"kvlistValue": {"values": key_values(plain)}}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value(item) for item in plain]}}
    return {"stringValue": plain}


def key_values(plain: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``plain`` as OTLP attributes."""
    return [{"key": key, "value": value(item)} for key, item in plain.items()]


def attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an OTLP item, each value as its JSON has it."""
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in item.get("attributes", [])}


def logs(records: list[Any], **resource: Any) -> dict[str, Any]:
    """A request of log records with these bodies (or whole records, if they are mappings with a body)."""
    items: list[dict[str, Any]] = [
        record if isinstance(record, dict) and "body" in record else {"body": value(record)} for record in records
    ]
    for item in items:
        item.setdefault("timeUnixNano", str(time.time_ns()))
    return {"resourceLogs": [{"resource": _resource(resource), "scopeLogs": [{"logRecords": items}]}]}


def traces(spans: list[dict[str, Any]], service: str = "api", **resource: Any) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {"resource": _resource({"service.name": service} | resource), "scopeSpans": [{"spans": spans}]}
        ]
    }


def span(
    name: str = "GET /api/orders/:id",
    milliseconds: int = 5,
    *,
    trace: str | None = None,
    failed: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A span that ends now. ``more`` are OTLP span fields; ``attributes`` among them is a plain mapping."""
    end = time.time_ns()
    return {
        "traceId": trace or secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(end - milliseconds * 1_000_000),
        "endTimeUnixNano": str(end),
        "status": {"code": 2} if failed else {},
        **more,
        "attributes": key_values(more.get("attributes", {})),
    }


def _resource(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {"attributes": key_values({"service.name": "api"} | dict(plain))}
