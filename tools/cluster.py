"""The embedded cluster: a Kubernetes control plane on the loopback address, with a node if wanted, all in one directory.

    cluster.py up|down|status|wipe|kubeconfig [--node] [--directory D] [--context NAME]

``up`` starts what does not run. It returns when the API answers, and with ``--node`` when pods can run. A cluster that once got a
node keeps it. ``down`` stops everything and keeps the data, ``wipe`` removes the data as well. ``status`` prints what runs.
``kubeconfig`` prints the access file, with another name of its context if wanted. No other kubeconfig is read or written.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the repository, instead of this folder

import argparse
import json
import os
import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tools import file_lock, local_http, pki, processes
from tools.control_plane import (
    API_CA,
    CERTIFICATES,
    COMPONENTS,
    ClusterPaths,
    Component,
    ensure_encryption_config,
    kubeconfig,
)
from tools.node import Node
from tools.paths import ROOT
from tools.ports import LOOPBACK, draw_port, is_free
from tools.progress import log
from tools.supervised_process import HEADINGS, START_SECONDS, ClusterError, SupervisedProcess, format_table
from tools.waiting import wait_until

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
    """One embedded cluster. Only one command at a time changes it, others wait."""

    def __init__(self, directory: Path) -> None:
        self.paths = ClusterPaths(directory.resolve())
        self.node = Node(self.paths, BINARIES)

    def up(self, context: str, *, node: bool = False) -> None:
        """Start what does not run as configured, and wait until the API answers and, with a node, pods can run."""
        begun = time.monotonic()
        self._require_binaries()
        with self._exclusive():
            pki.ensure(self.paths.pki, CERTIFICATES)
            ensure_encryption_config(self.paths.encryption)
            ports = self._assign_ports()
            try:
                changed = self._start(ports)
            except ClusterError:
                free = self._assign_ports()  # another program may have taken a port between its draw and its use
                if free == ports:
                    raise
                ports = free
                changed = self._start(ports)
            self._wait_for_service_accounts(ports)
            pki.write_if_changed(self.paths.kubeconfig, kubeconfig(self.paths, ports, client="admin", context=context))
            if node or self.node.exists:
                changed |= self.node.up(ports, context)
        if changed:
            log(
                f"cluster is up in {time.monotonic() - begun:.1f} s, kubeconfig {self.paths.kubeconfig}, context {context}"
            )
        else:
            log("cluster is already running")

    def down(self) -> None:
        """Stop all components, in the reverse of their starting order."""
        if not self.paths.root.exists():
            log("cluster is not running")
            return
        with self._exclusive():
            stopped = self.node.down()
            stopped += [each.name for each in reversed(self._processes(self._remembered_ports())) if each.stop()]
        log(f"stopped {', '.join(stopped)}" if stopped else "cluster is not running")

    def wipe(self) -> None:
        """Stop everything and remove the directory. Refuses a directory that is not a cluster's."""
        root = self.paths.root
        if not root.exists():
            log("nothing to wipe")
            return
        if any(root.iterdir()) and not self.paths.pki.exists() and not self.paths.ports.exists():
            raise ClusterError(f"{root} does not look like a cluster's directory; nothing was removed")
        self.down()
        shutil.rmtree(root)
        log(f"removed {root}")

    def status(self) -> bool:
        """Print the processes and the number of objects. True when all components are healthy."""
        ports = self._remembered_ports()
        lines = [each.status_row() for each in self._processes(ports)] + self.node.status_rows(ports)
        log(format_table([HEADINGS, *(row for row, _ in lines)]))
        healthy = all(ok for _, ok in lines)
        if healthy:
            log("objects: " + ", ".join(f"{count} {kind}" for kind, count in self._counts(ports).items()))
        return healthy

    def kubeconfig(self, context: str) -> bytes:
        """The cluster's access file, whose context has this name."""
        ports = self._remembered_ports()
        if not ports or not (self.paths.pki / "admin.crt").exists():
            raise ClusterError(f"there is no cluster in {self.paths.root}; `cluster.py up` makes one")
        return kubeconfig(self.paths, ports, client="admin", context=context)

    @staticmethod
    def _require_binaries() -> None:
        missing = [component.name for component in COMPONENTS if not (BINARIES / component.name).exists()]
        if missing:
            raise ClusterError(f"{', '.join(missing)} missing; fix: python3 tools/setup.py cluster")

    def _processes(self, ports: dict[str, int]) -> list[SupervisedProcess]:
        """The control plane's processes, in starting order."""
        found: list[SupervisedProcess] = []
        for component in COMPONENTS:
            arguments = component.arguments(self.paths, ports) if ports else []
            found.append(
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
        return found

    def _start(self, ports: dict[str, int]) -> bool:
        """Start what does not run, with these ports. True when something had to be started."""
        for name in ("kube-controller-manager", "kube-scheduler"):
            pki.write_if_changed(self.paths.credentials(name), kubeconfig(self.paths, ports, client=name, context=name))
        changed = False
        for process in self._processes(ports):
            changed |= process.ensure_running()
        return changed

    def _wait_for_service_accounts(self, ports: dict[str, int]) -> None:
        """The controllers work once the default namespace has its service account."""
        url, context = self._api("/api/v1/namespaces/default/serviceaccounts/default", ports)
        if not wait_until(lambda: local_http.health_error(url, timeout=10, context=context) is None, START_SECONDS):
            error = local_http.health_error(url, timeout=10, context=context)
            raise ClusterError(f"the default service account does not appear ({error})")

    def _health_error(self, component: Component, ports: dict[str, int]) -> str | None:
        """Why the component is not healthy, or None."""
        url = f"https://{LOOPBACK}:{ports[component.health_port]}{component.health_path}"
        try:
            context = pki.client_context(self.paths.pki, component.server_ca, component.client_certificate)
        except OSError as error:  # somebody removed or changed a file
            return str(error)
        return local_http.health_error(url, timeout=10, context=context)

    def _get(self, path: str, ports: dict[str, int]) -> Any:
        """What the API server answers to the administrator."""
        url, context = self._api(path, ports)
        return json.loads(local_http.get(url, timeout=10, context=context))

    def _api(self, path: str, ports: dict[str, int]) -> tuple[str, ssl.SSLContext]:
        """A URL of the API server, and the administrator's TLS settings for it."""
        context = pki.client_context(self.paths.pki, API_CA, "admin")
        return f"https://{LOOPBACK}:{ports['kube-apiserver']}{path}", context

    def _counts(self, ports: dict[str, int]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for kind, path in COUNTED_KINDS.items():
            page = self._get(f"{path}?limit=1", ports)
            counts[kind] = len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
        return counts

    def _assign_ports(self) -> dict[str, int]:
        """The remembered ports. A stopped component gets a new one when another program has taken its port meanwhile."""
        ports = self._remembered_ports()
        for component in COMPONENTS:
            stopped = processes.read(self.paths.pid_file(component.name)) is None
            for name in component.ports:
                if name not in ports or (stopped and not is_free(ports[name])):
                    ports[name] = draw_port(ports.values())
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
        with file_lock.locked(self.paths.root / "lock", "another command works on this cluster; waiting for it"):
            yield


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
        print("cluster: interrupted; the same command continues from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
