"""VictoriaLogs' own agent as a peer: it reads the same file, as on a node, and sends to a store that only answers.

It parses lines of JSON. What it read is in its memory until it is sent, without a queue on disk before that; it joins no stack
traces, and it sends in its store's own format.
"""

import json
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.pipeline.candidates import wait_for
from bench.pipeline.records import lines
from bench.process import Run
from tests.support.addresses import loopback
from tests.support.agent_process import ContainerLog
from tests.support.collector_process import write_kubeconfig
from tests.support.http_json import read
from tests.support.tool_process import ToolProcess, running
from tools.paths import ROOT

MODULE = ROOT / "tools/victorialogs"
"""The module that pins the server, of which the agent is a part."""
PACKAGE = "github.com/VictoriaMetrics/VictoriaLogs/app/vlagent"
ROWS_KEPT_BACK = 130
"""Its count of rows is told in steps of so many."""


def build(folder: Path) -> Path:
    """The agent's binary. Its own modules are added to a copy of the server's list."""
    for name in ("go.mod", "go.sum"):
        (folder / name).write_bytes((MODULE / name).read_bytes())
    binary = folder / "vlagent"
    command = ["go", "build", f"-modfile={folder / 'go.mod'}", "-mod=mod", "-o", str(binary), PACKAGE]
    subprocess.run(command, cwd=MODULE, check=True, capture_output=True)
    return binary


class _Answers:
    """A Kubernetes API with one pod, and a store that takes everything."""

    def __init__(self, log: ContainerLog) -> None:
        metadata = {"name": log.pod, "namespace": log.namespace, "resourceVersion": "1"}
        status = {"containerStatuses": [{"name": log.container, "containerID": "containerd://1"}]}
        pod = {"metadata": metadata, "spec": {"containers": [{"name": log.container}]}, "status": status}
        node = {"metadata": {"name": "node-1"}}
        objects: dict[str, Any] = {
            "/api/v1/nodes": {"items": [node]},
            "/api/v1/nodes/node-1": node,
            "/api/v1/namespaces": {"items": [{"metadata": {"name": log.namespace}}]},
            "/api/v1/pods": {"items": [pod], "metadata": {"resourceVersion": "1"}},
        }
        taken = self.taken = [0]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                if "watch=" in self.path:
                    time.sleep(300)
                self.wfile.write(json.dumps(objects[self.path.partition("?")[0]]).encode())

            def do_POST(self) -> None:
                taken[0] += len(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the measurement reads what was taken."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def vlagent(number: int) -> Callable[[], Run]:
    """It reads ``number`` lines that were written at once, until all of them are sent."""
    home = tempfile.TemporaryDirectory(prefix="atlas-bench-")
    binary, text = build(Path(home.name)), lines(0, number).encode()

    def run() -> Run:
        with tempfile.TemporaryDirectory(prefix="atlas-bench-", dir=home.name) as name:
            folder, address = Path(name), loopback()
            log = ContainerLog(folder / "pods")
            log.raw(lines(0, 2000).encode())
            containers = folder / "containers"
            containers.mkdir()
            link = containers / f"{log.pod}_{log.namespace}_{log.container}-1.log"
            link.symlink_to(log.path)
            answers = _Answers(log)
            command = [
                str(binary),
                f"-httpListenAddr={address}:9429",
                f"-tmpDataPath={folder / 'data'}",
                f"-remoteWrite.url={answers.url}/insert",
                "-kubernetesCollector",
                f"-kubernetesCollector.logsPath={containers}",
            ]
            environment = {"KUBECONFIG": str(write_kubeconfig(folder / "kubeconfig", answers.url))}
            process = ToolProcess(command, f"http://{address}:9429/health", folder / "log", environment)

            def sent(rows: int) -> bool:
                told = read(f"http://{address}:9429/metrics", timeout=5)
                read_rows = _sum(told, "vl_rows_ingested_total")
                if read_rows < rows - ROWS_KEPT_BACK or _sum(told, "vlagent_remotewrite_pending_data_bytes"):
                    return False
                before = answers.taken[0]
                time.sleep(1.2)  # rows wait for a second before they are sent
                return before == answers.taken[0] > 0

            with running(process):
                wait_for(lambda: sent(2000))
                begun, used = time.monotonic(), process.processor_seconds()
                log.raw(text)
                wait_for(lambda: sent(2000 + number))
                found = Run(time.monotonic() - begun, process.processor_seconds() - used, process.memory("VmHWM"))
            answers.server.shutdown()
        return found

    return run


def _sum(told: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", told, re.MULTILINE))
