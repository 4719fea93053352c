"""As much of a kubelet as the agent asks for: ``/stats/summary`` over TLS, in the shape of the kubelet's own API
(k8s.io/kubelet/pkg/apis/stats/v1alpha1), with one node, one pod of one container, and two of its volumes.
"""

import json
import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.addresses import loopback
from tests.support.certificates import self_signed

GIB = 1 << 30


class Kubelet:
    """``asked`` holds the paths of every request."""

    def __init__(self, folder: Path) -> None:
        self.address = loopback()
        self.asked: list[str] = []
        self._certificate = self_signed(folder, "kubelet", self.address)
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                self.send_response(200 if self.path == "/stats/summary" else 403)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                if self.path == "/stats/summary":
                    self.wfile.write(json.dumps(summary()).encode())

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer((self.address, 10250), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def client_settings(self, folder: Path, authority: Path | None = None) -> dict[str, str]:
        """In place of a pod's service account, whose files have a fixed place: the authority to trust, a certificate to show."""
        crt, key = self_signed(folder / "client", "client", "127.0.0.1")
        trusted = authority or self._certificate[0]
        return {"auth_type": "tls", "ca_file": str(trusted), "cert_file": str(crt), "key_file": str(key)}


def summary() -> dict[str, Any]:
    """What a kubelet answers, with the figures of this moment."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = int(datetime.now(UTC).timestamp()) % 100_000
    cpu = {"time": now, "usageNanoCores": 250_000_000, "usageCoreNanoSeconds": seconds * 250_000_000}
    memory = {
        "time": now,
        "availableBytes": GIB,
        "usageBytes": GIB,
        "workingSetBytes": 700 << 20,
        "rssBytes": 600 << 20,
        "pageFaults": 1000,
        "majorPageFaults": 3,
    }
    network = {"time": now, "name": "eth0", "rxBytes": 1000, "rxErrors": 0, "txBytes": 2000, "txErrors": 1}
    network["interfaces"] = [dict(network)]
    space = {
        "time": now,
        "availableBytes": 60 * GIB,
        "capacityBytes": 100 * GIB,
        "usedBytes": 40 * GIB,
        "inodesFree": 900,
        "inodes": 1000,
        "inodesUsed": 100,
    }
    started = "2026-11-24T10:00:00Z"
    container = {
        "name": "loki",
        "startTime": started,
        "cpu": cpu,
        "memory": memory,
        "rootfs": space | {"usedBytes": 1000},
        "logs": space | {"usedBytes": 2000},
    }
    volumes = [
        space | {"name": "data", "pvcRef": {"name": "data-loki-0", "namespace": "observability"}},
        space | {"name": "scratch", "capacityBytes": GIB},
        space | {"name": "kube-api-access-x7k2p"},
    ]
    pod = {
        "podRef": {"name": "loki-0", "namespace": "observability", "uid": "3e3f2b44-97b4-4b9e-9d0a-1d2c3b4a5e6f"},
        "startTime": started,
        "containers": [container],
        "cpu": cpu,
        "memory": memory,
        "network": network,
        "volume": volumes,
        "ephemeral-storage": space,
    }
    node = {
        "nodeName": "node-1",
        "startTime": started,
        "cpu": cpu,
        "memory": memory,
        "network": network,
        "fs": space,
        "runtime": {"imageFs": space},
        "rlimit": {"time": now, "maxpid": 32768, "curproc": 300},
    }
    return {"node": node, "pods": [pod]}
