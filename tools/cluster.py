"""The embedded cluster: a Kubernetes control plane of one's own, on the loopback address, in one directory, and a node if wanted.

    cluster.py up|down|status|wipe|kubeconfig [--node] [--directory D] [--context NAME]

`up` starts what does not run and returns when the API answers, and with `--node` when pods can run; a cluster keeps the node that
it once got. `down` stops everything and keeps the data; `wipe` removes it as well; `status` says what runs; `kubeconfig` prints the
access file, under another context name if wanted. No other kubeconfig is read or written.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the repository, instead of this folder

import argparse
import fcntl
import json
import os
import random
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tools import pki, processes
from tools.control_plane import (
    CERTIFICATES,
    COMPONENTS,
    LOOPBACK,
    ClusterPaths,
    Component,
    ensure_encryption_config,
    kubeconfig,
)
from tools.node import Node
from tools.paths import ROOT
from tools.supervised_process import HEADINGS, START_SECONDS, ClusterError, SupervisedProcess, format_table, say

BINARIES = ROOT / ".local" / "bin"
CONTEXT = "atlas-local"
COUNTED_KINDS = {
    "namespaces": "/api/v1/namespaces",
    "deployments": "/apis/apps/v1/deployments",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "configmaps": "/api/v1/configmaps",
    "secrets": "/api/v1/secrets",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
}


class Cluster:
    """One embedded cluster. Only one command at a time changes it; the others wait."""

    def __init__(self, directory: Path) -> None:
        self.paths = ClusterPaths(directory.resolve())
        self.node = Node(self.paths, BINARIES)

    def up(self, context: str, *, node: bool = False) -> None:
        """Bring every component to the state that its flags and files describe, and wait until the API serves and, with a node,
        pods can run.
        """
        begun = time.monotonic()
        self._require_binaries()
        with self._exclusive():
            pki.ensure(self.paths.pki, CERTIFICATES)
            ensure_encryption_config(self.paths.encryption)
            ports = self._assign_ports()
            try:
                changed = self._start(ports)
            except ClusterError:
                free = self._assign_ports()  # others draw ports too, and may have taken one before it was used
                if free == ports:
                    raise
                ports = free
                changed = self._start(ports)
            self._wait_for_service_accounts(ports)
            pki.write_if_changed(self.paths.kubeconfig, kubeconfig(self.paths, ports, client="admin", context=context))
            if node or self.node.exists:
                changed |= self.node.up(ports, context)
        if changed:
            say(
                f"cluster is up in {time.monotonic() - begun:.1f} s, kubeconfig {self.paths.kubeconfig}, context {context}"
            )
        else:
            say("cluster is already running")

    def down(self) -> None:
        """Stop all components, the last started first."""
        if not self.paths.root.exists():
            say("cluster is not running")
            return
        with self._exclusive():
            stopped = self.node.down()
            stopped += [unit.name for unit in reversed(self._processes(self._remembered_ports())) if unit.stop()]
        say(f"stopped {', '.join(stopped)}" if stopped else "cluster is not running")

    def wipe(self) -> None:
        """Stop everything and remove the directory. Refuses a directory that no cluster has made."""
        root = self.paths.root
        if not root.exists():
            say("nothing to wipe")
            return
        if any(root.iterdir()) and not self.paths.pki.exists() and not self.paths.ports.exists():
            raise ClusterError(f"{root} does not look like a cluster's directory; nothing was removed")
        self.down()
        shutil.rmtree(root)
        say(f"removed {root}")

    def status(self) -> bool:
        """Print what runs, and count the objects. True when all components are healthy."""
        ports = self._remembered_ports()
        lines = [unit.status_row() for unit in self._processes(ports)] + self.node.status_rows(ports)
        say(format_table([HEADINGS, *(row for row, _ in lines)]))
        healthy = all(well for _, well in lines)
        if healthy:
            say("objects: " + ", ".join(f"{count} {kind}" for kind, count in self._counts(ports).items()))
        return healthy

    def identity(self) -> str:
        """The same for as long as the cluster's data live: a wiped cluster comes back as another one."""
        return self._get("/api/v1/namespaces/kube-system", self._remembered_ports())["metadata"]["uid"]

    def kubeconfig(self, context: str) -> bytes:
        """The access file of this cluster under the given context name."""
        ports = self._remembered_ports()
        if not ports or not (self.paths.pki / "admin.crt").exists():
            raise ClusterError(f"there is no cluster in {self.paths.root}; `cluster.py up` makes one")
        return kubeconfig(self.paths, ports, client="admin", context=context)

    @staticmethod
    def _require_binaries() -> None:
        missing = [component.name for component in COMPONENTS if not (BINARIES / component.name).exists()]
        if missing:
            raise ClusterError(f"{', '.join(missing)} missing: run `python3 tools/setup.py cluster`")

    def _processes(self, ports: dict[str, int]) -> list[SupervisedProcess]:
        """The control plane's processes, in starting order."""
        units: list[SupervisedProcess] = []
        for component in COMPONENTS:
            arguments = component.arguments(self.paths, ports) if ports else []
            units.append(
                SupervisedProcess(
                    name=component.name,
                    command=[str((BINARIES / component.name).resolve()), *arguments],
                    config_files=component.config_files(self.paths),
                    pid_file=self.paths.pid_file(component.name),
                    log_file=self.paths.log_file(component.name),
                    health_error=partial(self._health_error, component, ports),
                    port=ports.get(component.health_port),
                )
            )
        return units

    def _start(self, ports: dict[str, int]) -> bool:
        """Start what does not run, with these ports. True when there was something."""
        for name in ("kube-controller-manager", "kube-scheduler"):
            pki.write_if_changed(self.paths.credentials(name), kubeconfig(self.paths, ports, client=name, context=name))
        changed = False
        for unit in self._processes(ports):
            changed |= unit.ensure_running()
        return changed

    def _wait_for_service_accounts(self, ports: dict[str, int]) -> None:
        """The controllers work when they have given the default namespace its service account."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self._get("/api/v1/namespaces/default/serviceaccounts/default", ports)
                return
            except (OSError, ValueError) as error:
                if time.monotonic() > end:
                    raise ClusterError(f"the default service account does not appear ({error})") from error
                time.sleep(0.1)

    def _health_error(self, component: Component, ports: dict[str, int]) -> str | None:
        """Why the component is not healthy, or None."""
        try:
            self._request(
                component.health_port, component.health_path, component.server_ca, component.client_certificate, ports
            )
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}"
        except (OSError, ValueError) as error:
            return str(getattr(error, "reason", error))
        return None

    def _get(self, path: str, ports: dict[str, int]) -> Any:
        return json.loads(self._request("kube-apiserver", path, "ca", "admin", ports))

    def _request(self, port: str, path: str, authority: str, client: str, ports: dict[str, int]) -> bytes:
        context = ssl.create_default_context(cafile=str(self.paths.pki / f"{authority}.crt"))
        context.load_cert_chain(self.paths.pki / f"{client}.crt", self.paths.pki / f"{client}.key")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # a proxy of the environment is not for the loopback address
            urllib.request.HTTPSHandler(context=context),
        )
        with opener.open(f"https://{LOOPBACK}:{ports[port]}{path}", timeout=10) as answer:
            return answer.read()

    def _counts(self, ports: dict[str, int]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for kind, path in COUNTED_KINDS.items():
            page = self._get(f"{path}?limit=1", ports)
            counts[kind] = len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
        return counts

    def _assign_ports(self) -> dict[str, int]:
        """Remembered ports; a stopped component gets a new one when someone else has taken its port meanwhile."""
        ports = self._remembered_ports()
        for component in COMPONENTS:
            stopped = processes.read(self.paths.pid_file(component.name)) is None
            for name in component.ports:
                if name not in ports or (stopped and not _free(ports[name])):
                    ports[name] = _draw_port(ports.values())
        pki.write_if_changed(self.paths.ports, json.dumps(ports, indent=2).encode())
        return ports

    def _remembered_ports(self) -> dict[str, int]:
        try:
            return json.loads(self.paths.ports.read_text())
        except (FileNotFoundError, ValueError):
            return {}

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self.paths.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.paths.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another command works on this cluster; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _draw_port(drawn: Collection[int]) -> int:
    """Another free port, below those that the kernel gives to outgoing connections and that Kubernetes gives to Services."""
    while True:
        port = random.SystemRandom().randrange(20000, 30000)
        if port not in drawn and _free(port):
            return port


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="cluster.py", description="The embedded Kubernetes control plane.")
    parser.add_argument("command", choices=("up", "down", "status", "wipe", "kubeconfig"))
    parser.add_argument("--directory", type=Path, default=ROOT / ".local" / "cluster", help="the cluster's directory")
    parser.add_argument("--node", action="store_true", help="up: with a node, so that pods run")
    parser.add_argument("--context", default=CONTEXT, help=f"name of the kubeconfig's context (default {CONTEXT})")
    options = parser.parse_args(arguments)
    cluster = Cluster(options.directory)
    try:
        match options.command:
            case "up":
                cluster.up(options.context, node=options.node)
            case "down":
                cluster.down()
            case "wipe":
                cluster.wipe()
            case "status":
                return 0 if cluster.status() else 1
            case _:
                sys.stdout.buffer.write(cluster.kubeconfig(options.context))
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
