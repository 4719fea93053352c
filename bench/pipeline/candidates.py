"""The Collectors that are measured: production's, the same without single parts, and a bare one, all on the same binary."""

import http.client
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.pipeline.records import BATCH, REQUESTS, lines
from bench.process import Run
from tests.faults.counting import Store
from tests.faults.pipeline import Variant, agent_of, gateway_of
from tests.faults.rendered import Rendered, workload
from tests.support.agent_process import ContainerLog, GatewayStub
from tests.support.tool_process import running
from tools.paths import ROOT
from tools.waiting import wait_until

STORES = {"logs": ("logs",), "traces": ("traces",), "metrics": ("metrics", "metrics_replica")}
"""The backends of each signal in production."""
WARM = 20
SENDERS = 2
PATIENCE = 120
OWN_DEFAULTS = {"GOGC": "100"}
"""The Collector's own default where we set another value."""


def bare(config: dict[str, Any]) -> None:
    """Only receivers and exporters, with the same batches in memory queues."""
    queue_alone(config)
    _in_memory(config)


def _in_memory(config: dict[str, Any]) -> None:
    """Queues in memory, the default compression, and no second try with a part of what was refused."""
    for exporter in config["exporters"].values():
        del exporter["sending_queue"]["storage"]
        exporter.pop("compression", None)
        exporter.pop("compression_params", None)
        exporter.pop("middlewares", None)
    config["extensions"] = {"health_check": config["extensions"]["health_check"]}
    config["service"]["extensions"] = ["health_check"]


def queue_alone(config: dict[str, Any]) -> None:
    """Production's receivers, queues and exporters, without processors and connectors."""
    config["processors"], config["connectors"] = {}, {}
    service = config["service"]
    kept = {name: pipeline for name, pipeline in service["pipelines"].items() if "/" not in name}
    for name, pipeline in kept.items():
        pipeline["processors"] = []
        if name == "traces":
            pipeline["exporters"] = ["otlp_http/traces"]
    service["pipelines"] = kept


def of_revision(revision: str, file: str) -> Variant:
    """What the configuration did in an earlier revision of the repository, with the queues and exporters of today."""
    command = ["git", "show", f"{revision}:config/collector/{file}"]
    before = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def variant(config: dict[str, Any]) -> None:
        earlier = yaml.safe_load(before)
        for name, processor in earlier["processors"].items():
            if name.startswith("k8s_attributes"):
                processor["auth_type"] = "kubeConfig"
        config["processors"] = earlier["processors"]
        for name, receiver in earlier["receivers"].items():
            config["receivers"].setdefault(name, receiver)
        for name, now in config["service"]["pipelines"].items():
            now["processors"] = earlier["service"]["pipelines"][name].get("processors", [])
            now["receivers"] = earlier["service"]["pipelines"][name]["receivers"]

    return variant


def without(processor: str) -> Variant:
    """Production's configuration without one processor."""

    def variant(config: dict[str, Any]) -> None:
        for pipeline in config["service"]["pipelines"].values():
            pipeline["processors"] = [name for name in pipeline.get("processors", []) if name != processor]

    return variant


def processors(rendered: Rendered, file: str, pipeline: str) -> list[str]:
    """The processors of one pipeline in their order."""
    config = yaml.safe_load(rendered.file(file))
    pipelines: dict[str, Any] = config["service"]["pipelines"]
    parts = [name for name in pipelines if name.partition("/")[0] == pipeline]
    return [processor for part in parts for processor in pipelines[part].get("processors", [])]


def gateway(
    signal: str,
    requests: int,
    *,
    upstream: bool = False,
    fsync: bool = False,
    variant: Variant | None = None,
    environment: Mapping[str, str] | None = None,
) -> Callable[[], Run]:
    """A gateway receives ``requests`` of a hundred records each, until its backends have the last one; ``upstream`` as the upstream
    image runs it.
    """
    rendered, body = workload("otel-collector"), REQUESTS[signal]()

    def run() -> Run:
        stores = {name: Store() for names in STORES.values() for name in names}
        with tempfile.TemporaryDirectory(prefix="atlas-bench-") as folder:
            process = gateway_of(
                rendered,
                Path(folder) / "gateway",
                {name: store.url for name, store in stores.items()},
                upstream=upstream,
                variant=_with_production_interval(variant),
                environment={"QUEUE_FSYNC": str(fsync).lower(), **(environment or {})},
            )
            with running(process):
                _send(process.address, signal, body, WARM)
                expected = WARM * BATCH
                _wait_for_records([stores[name] for name in STORES[signal]], expected)
                begun, used = time.monotonic(), process.processor_seconds()
                _send(process.address, signal, body, requests)
                _wait_for_records([stores[name] for name in STORES[signal]], expected + requests * BATCH)
                found = Run(time.monotonic() - begun, process.processor_seconds() - used, process.memory("VmHWM"))
        for store in stores.values():
            store.close()
        return found

    return run


def agent(
    number: int,
    *,
    upstream: bool = False,
    variant: Variant | None = None,
    environment: Mapping[str, str] | None = None,
) -> Callable[[], Run]:
    """An agent reads ``number`` lines that were written at once, until the gateway has the last one; ``upstream`` as the upstream
    image runs it.
    """
    rendered, text = workload("node-agent"), lines(0, number)

    def run() -> Run:
        stub = GatewayStub()
        stub.up()
        with tempfile.TemporaryDirectory(prefix="atlas-bench-") as folder:
            process = agent_of(
                rendered,
                Path(folder) / "agent",
                stub.endpoint,
                upstream=upstream,
                variant=variant,
                environment=environment,
            )
            log = ContainerLog(process.pods)
            with running(process):
                log.raw(lines(0, 2000).encode())
                wait_for(lambda: len(stub.records) >= 2000)
                begun, used = time.monotonic(), process.processor_seconds()
                log.raw(text.encode())
                wait_for(lambda: len(stub.records) >= 2000 + number)
                found = Run(time.monotonic() - begun, process.processor_seconds() - used, process.memory("VmHWM"))
        stub.down()
        return found

    return run


def bare_agent(config: dict[str, Any]) -> None:
    """The upstream agent without all that it does to lines: it reads files and sends their lines unchanged."""
    agent_queue_alone(config)
    for name in ("storage", "retry_on_failure"):
        del config["receivers"]["file_log"][name]
    _in_memory(config)


def agent_queue_alone(config: dict[str, Any]) -> None:
    """The upstream agent's checkpoints, queue and exporter, for lines as they are."""
    del config["receivers"]["file_log"]["operators"]
    config["processors"] = {}
    for pipeline in config["service"]["pipelines"].values():
        pipeline["processors"] = []


def _with_production_interval(variant: Variant | None) -> Variant | None:
    """Production's interval of the span metrics, which the test harness shortens."""

    def changed(config: dict[str, Any]) -> None:
        config["connectors"]["span_metrics"]["metrics_flush_interval"] = "15s"
        if variant:
            variant(config)

    return changed


def _send(address: str, signal: str, body: bytes, requests: int) -> None:
    shares = [requests // SENDERS] * SENDERS
    shares[0] += requests - sum(shares)

    def work(share: int) -> None:
        connection = http.client.HTTPConnection(address, 4318, timeout=60)
        sent = 0
        while sent < share:
            connection.request("POST", f"/v1/{signal}", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                sent += 1
            else:
                time.sleep(0.05)
        connection.close()

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wait_for_records(stores: list[Store], records: int) -> None:
    wait_for(lambda: all(sum(sum(seen.values()) for seen in store.seen.values()) >= records for store in stores))


def wait_for(condition: Callable[[], bool]) -> None:
    """Until what was sent has arrived."""
    if not wait_until(condition, PATIENCE, every=0.02):
        raise TimeoutError(f"not all records arrived within {PATIENCE} s")
