"""The node of the embedded cluster: containerd, kubelet, kube-proxy and CoreDNS, in namespaces of their own (``node_host.py``).

Their settings are the files of ``tools/node``, in each tool's own format. What differs from cluster to cluster (addresses,
certificates, control group) is added here.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import yaml

from tools import local_http, oci
from tools.control_plane import API_CA, ClusterPaths, kubeconfig
from tools.kubectl import kubectl_cache
from tools.node_host import NodeHost
from tools.node_volumes import missing_volumes
from tools.paths import TOOLS
from tools.pki import Certificate, client_context, ensure, write_if_changed
from tools.ports import LOOPBACK
from tools.progress import log
from tools.supervised_process import ClusterError, SupervisedProcess
from tools.waiting import wait_until

SETTINGS = TOOLS / "node"
NAME = "atlas-node"
API_PORT = 6443
"""The port at which the node reaches the API server."""
KUBELET_PORT = 10250
PROXY_HEALTH_PORT = 10256
SOCKET = "/run/containerd/containerd.sock"
READY_SECONDS = 120
GRACE_SECONDS = 20
"""The time that containers get to end when the cluster stops."""
PAUSE_BINARY = Path("/usr/bin/catatonit")


class Node:
    """The node of one cluster. ``binaries`` is the folder of the programs that set-up built."""

    def __init__(self, paths: ClusterPaths, binaries: Path) -> None:
        self._paths = paths
        self._binaries = binaries
        self.directory = paths.root / "node"
        self.host = NodeHost(self.directory)

    @property
    def exists(self) -> bool:
        """Whether this cluster has a node."""
        return self.directory.exists()

    def up(self, ports: Mapping[str, int], context: str) -> bool:
        """Start what does not run as configured. True when something had to be started."""
        self.directory.mkdir(exist_ok=True, mode=0o700)
        changed = self.host.ensure()
        self._write_credentials(ports, context)
        self._write_settings()
        runtime, *others = self._processes(ports)
        changed |= runtime.ensure_running()
        self.load([self._pause_image(), self._dns_image()])
        self._apply(self._system_objects())
        for process in others:
            changed |= process.ensure_running()
        self._wait_for_ready()
        return changed

    def down(self) -> list[str]:
        """Stop everything, after the pods had time to end. The names of the processes that ran."""
        if not self.exists:
            return []
        stopped: list[str] = []
        if self.host.namespace_holder is not None:
            runtime, *others = self._processes({})
            stopped += [process.name for process in reversed(others) if process.stop()]
            self._stop_pods()
            stopped += [runtime.name] if runtime.stop() else []
        self.host.remove()
        return stopped

    def status_rows(self, ports: Mapping[str, int]) -> list[tuple[tuple[str, ...], bool]]:
        """A row for each process, as ``SupervisedProcess.status_row``."""
        if not self.exists:
            return []
        if self.host.namespace_holder is None:
            return [((NAME, "-", "-", "-", "not running", "-"), False)]
        return [process.status_row() for process in self._processes(ports)]

    def load(self, images: Iterable[oci.Image]) -> list[str]:
        """Import the images that the runtime does not have, and return their references."""
        loaded: list[str] = []
        present = self.images()
        for image in images:
            if image.reference in present:
                continue
            began = time.monotonic()
            with tempfile.TemporaryFile() as archive:
                oci.write(image, archive)
                archive.seek(0)
                self.import_archive(archive)
            loaded.append(image.reference)
            log(f"  {image.reference} loaded in {time.monotonic() - began:.1f} s")
        return loaded

    def ctr(self, *arguments: str) -> str:
        """Run containerd's client ``ctr`` on the pods' images and containers, and return its output."""
        answer = subprocess.run(self.ctr_command(*arguments), capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ClusterError(f"ctr {' '.join(arguments)} failed: {answer.stderr.strip()}")
        return answer.stdout

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl as the cluster's administrator."""
        found = shutil.which("kubectl", path=f"{self._binaries}:/usr/local/bin:/usr/bin") or "kubectl"
        command = [found, f"--kubeconfig={self._paths.kubeconfig}", *arguments]
        environment = {**os.environ, **kubectl_cache(self._paths.root)}
        answer = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed: {answer.stderr.strip()}")
        return answer.stdout

    def ctr_command(self, *arguments: str) -> list[str]:
        """The command that runs ``ctr`` in this machine's network."""
        return ["ctr", f"--address={self.host.host_path(SOCKET)}", "--namespace=k8s.io", *arguments]

    def images(self) -> set[str]:
        """The references of the runtime's images, as pods name them."""
        names = self.ctr("images", "list", "--quiet").split()
        return {name.removeprefix(f"{oci.REGISTRY}/") for name in names}

    def import_archive(self, archive: IO[bytes]) -> None:
        """Import an image archive in Docker's or the OCI's format."""
        command = self.ctr_command("images", "import", "-")
        answer = subprocess.run(command, stdin=archive, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ClusterError(f"containerd does not import an image: {answer.stderr.strip()}")

    def _write_credentials(self, ports: Mapping[str, int], context: str) -> None:
        address = self.host.address
        ensure(
            self._paths.pki,
            (
                Certificate(
                    name="kubelet",
                    ca=API_CA,
                    common_name=f"system:node:{NAME}",
                    organization="system:nodes",
                    hosts=(address, NAME),
                ),
                Certificate(name="kube-proxy", ca=API_CA, common_name="system:kube-proxy"),
            ),
        )
        for name in ("kubelet", "kube-proxy"):
            document = yaml.safe_load(kubeconfig(self._paths, ports, client=name, context=context))
            # The API server's certificate has its name, and not the node's address.
            document["clusters"][0]["cluster"] |= {
                "server": f"https://{address}:{API_PORT}",
                "tls-server-name": "kubernetes",
            }
            write_if_changed(self._paths.credentials(name), yaml.safe_dump(document).encode())

    def _write_settings(self) -> None:
        pki, address = self._paths.pki, self.host.address
        kubelet = _load("kubelet.yaml") | {
            "address": address,
            "port": KUBELET_PORT,
            "cgroupRoot": f"/{self.host.name}",
            "resolvConf": str(self._file("resolv.conf")),
            "tlsCertFile": str(pki / "kubelet.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        }
        kubelet["authentication"]["x509"] = {"clientCAFile": str(pki / f"{API_CA}.crt")}
        proxy = _load("kube-proxy.yaml") | {
            "bindAddress": address,
            "healthzBindAddress": f"{address}:{PROXY_HEALTH_PORT}",
            "hostnameOverride": NAME,
            "clientConnection": {"kubeconfig": str(self._paths.credentials("kube-proxy"))},
        }
        runtime = (SETTINGS / "containerd.toml").read_text().replace("PAUSE", self._pause_image().reference)
        write_if_changed(self._file("containerd.toml"), runtime.encode())
        write_if_changed(self._file("kubelet.yaml"), yaml.safe_dump(kubelet).encode())
        write_if_changed(self._file("kube-proxy.yaml"), yaml.safe_dump(proxy).encode())
        write_if_changed(self._file("resolv.conf"), b"")
        write_if_changed(self.directory / "var/lib/cni/net.d/pods.conflist", (SETTINGS / "pods.conflist").read_bytes())

    def _processes(self, ports: Mapping[str, int]) -> list[SupervisedProcess]:
        """The node's processes in starting order, the container runtime first."""
        address = self.host.address
        server = ports.get("kube-apiserver", 0)
        return [
            self._process(
                "containerd",
                self.host.enter("containerd", f"--config={self._file('containerd.toml')}"),
                config_files=[self._file("containerd.toml")],
                health_error=self._runtime_error,
            ),
            # Two processes, since each has one network: this one connects in this machine's, the next one listens in the node's.
            self._process(
                "api-server-inlet",
                self.host.enter(
                    "socat",
                    "UNIX-LISTEN:/run/api-server.sock,fork,unlink-early,mode=600",
                    f"TCP:{LOOPBACK}:{server}",
                    network=False,
                ),
                health_error=lambda: None if self.host.host_path("/run/api-server.sock").exists() else "no socket yet",
            ),
            self._process(
                "api-server-outlet",
                self.host.enter(
                    "socat", f"TCP-LISTEN:{API_PORT},bind={address},fork,reuseaddr", "UNIX-CONNECT:/run/api-server.sock"
                ),
                health_error=partial(self._https_error, API_PORT, "/readyz", check_name=False),
                port=API_PORT,
            ),
            self._process(
                "kubelet",
                self.host.enter(
                    str((self._binaries / "kubelet").resolve()),
                    f"--config={self._file('kubelet.yaml')}",
                    f"--kubeconfig={self._paths.credentials('kubelet')}",
                    f"--hostname-override={NAME}",
                    f"--node-ip={address}",
                    "--root-dir=/var/lib/kubelet",
                ),
                config_files=[
                    self._file("kubelet.yaml"),
                    self._paths.credentials("kubelet"),
                    self._paths.pki / "kubelet.crt",
                ],
                health_error=partial(self._https_error, KUBELET_PORT, "/healthz"),
                port=KUBELET_PORT,
            ),
            self._process(
                "kube-proxy",
                self.host.enter(
                    str((self._binaries / "kube-proxy").resolve()), f"--config={self._file('kube-proxy.yaml')}"
                ),
                config_files=[self._file("kube-proxy.yaml"), self._paths.credentials("kube-proxy")],
                health_error=self._proxy_error,
                port=PROXY_HEALTH_PORT,
            ),
        ]

    def _process(
        self,
        name: str,
        command: Sequence[str],
        *,
        health_error: Callable[[], str | None],
        config_files: Sequence[Path] = (),
        port: int | None = None,
    ) -> SupervisedProcess:
        return SupervisedProcess(
            name=name,
            command=command,
            config_files=config_files,
            pid_file=self._paths.pid_file(name),
            log_file=self._paths.log_file(name),
            health_error=health_error,
            port=port,
            cgroup_procs=self.host.groups.cgroup_procs,
            umask=0o022,  # the users of pods read what it makes for them
        )

    def _runtime_error(self) -> str | None:
        try:
            self.ctr("version")
        except ClusterError as error:
            return str(error)
        return None

    def _https_error(self, port: int, path: str, *, check_name: bool = True) -> str | None:
        """Why the server at that port of the node is not healthy.

        ``check_name``: its certificate must be for the node's address.
        """
        context = client_context(self._paths.pki, API_CA, "kube-apiserver-kubelet-client")
        context.check_hostname = check_name
        return local_http.health_error(f"https://{self.host.address}:{port}{path}", context=context)

    def _proxy_error(self) -> str | None:
        return local_http.health_error(f"http://{self.host.address}:{PROXY_HEALTH_PORT}/healthz")

    def _system_objects(self) -> list[dict[str, Any]]:
        """The Kubernetes objects that a cluster with a node needs."""
        objects = [each for each in yaml.safe_load_all((SETTINGS / "system.yaml").read_text()) if each]
        by_name = {(each["kind"], each["metadata"]["name"]): each for each in objects}
        by_name["EndpointSlice", "kubernetes"]["endpoints"] = [{"addresses": [self.host.address]}]
        corefile = (SETTINGS / "Corefile").read_text()
        by_name["ConfigMap", "coredns"]["data"] = {"Corefile": corefile}
        pod = by_name["Deployment", "coredns"]["spec"]["template"]["spec"]
        pod["containers"][0]["image"] = self._dns_image().reference
        return objects

    def _apply(self, objects: Sequence[Mapping[str, Any]]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--field-manager=atlas-cluster", "--filename=-", stdin=text
        )

    def _wait_for_ready(self) -> None:
        """Wait until the node is ready, the status of its pods is current, and CoreDNS answers."""
        limit = f"--timeout={READY_SECONDS}s"
        self.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", limit)
        if not wait_until(lambda: not self._stale_pods(), READY_SECONDS, every=0.3):
            stale = ", ".join(self._stale_pods())
            raise ClusterError(f"the kubelet does not report the state of {stale} after {READY_SECONDS} s")
        if missing := missing_volumes(NAME, self.directory / "var", self.kubectl):
            self._apply(missing)
        self.kubectl("rollout", "status", "deployment/coredns", "--namespace=kube-system", limit)

    def _stale_pods(self) -> list[str]:
        """Pods whose status is from before this node was started, and so not current."""
        holder = self.host.namespace_holder
        started = datetime.fromtimestamp(holder.since if holder else 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return [
            pod["metadata"]["name"]
            for pod in json.loads(self.kubectl("get", "pods", "--all-namespaces", "--output=json"))["items"]
            for container in pod.get("status", {}).get("containerStatuses", [])
            if container.get("state", {}).get("running", {}).get("startedAt", started) < started
        ]

    def _stop_pods(self) -> None:
        """Send SIGTERM to every container and wait, so that databases and backends can write what they have in memory."""
        try:
            running = self._running_containers()
            for container in running:
                subprocess.run(
                    self.ctr_command("tasks", "kill", "--signal=SIGTERM", container), capture_output=True, check=False
                )
            wait_until(lambda: not self._running_containers(), GRACE_SECONDS, every=0.2)
        except ClusterError:  # the runtime is dead; its containers are killed with the control groups
            return

    def _running_containers(self) -> list[str]:
        lines = self.ctr("tasks", "list").splitlines()[1:]
        return [line.split()[0] for line in lines if line.split()[-1] == "RUNNING"]

    def _pause_image(self) -> oci.Image:
        """The image of the container that holds a pod's namespaces. Its program only reaps processes that ended."""
        return oci.from_binary("pause", PAUSE_BINARY, "-P")

    def _dns_image(self) -> oci.Image:
        return oci.from_binary("coredns", self._binaries / "coredns")

    def _file(self, name: str) -> Path:
        return self.directory / name


def _load(name: str) -> dict[str, Any]:
    return yaml.safe_load((SETTINGS / name).read_text())
