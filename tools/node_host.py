"""The namespaces in which the node runs: mounts and a network of its own, connected to this machine by one pair of interfaces.

This machine's firewall, routes and kernel settings stay as they are, and the node's mounts are not visible to it. The namespaces go
with the last process in them.
"""

import hashlib
import ipaddress
import json
import random
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tools import processes
from tools.control_groups import ControlGroups
from tools.pki import write_private
from tools.supervised_process import ClusterError

NETWORKS = ipaddress.ip_network("10.231.0.0/16")
"""Each node draws a network of four addresses of these once. Two are used: the node's and this machine's."""
PRIVATE_FOLDERS = (Path("/run"), Path("/var"))
"""Folders of which the node has its own. It does not see this machine's."""
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""Kernel settings that the kubelet requires.

They belong to this machine, so the node gets files with these values mounted over them.
"""


class NodeHost:
    """The namespaces of one node, with its files in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = f"atlas-{hashlib.sha256(str(directory).encode()).hexdigest()[:8]}"
        self.groups = ControlGroups(self.name)
        self._pid_file = directory / "run" / "holder.pid"
        self._finished = directory / "run" / "holder.finished"

    @property
    def namespace_holder(self) -> processes.Process | None:
        """The process that keeps the namespaces open. None when there is none, or when it was not set up completely."""
        process = processes.read(self._pid_file)
        finished = self._finished.exists() and self._finished.read_text()
        return process if process is not None and finished == f"{process.pid} {process.started}" else None

    @property
    def address(self) -> str:
        """The node's address."""
        return str(self._assigned_network()[2])

    def enter(self, *command: str, network: bool = True, mounts: bool = True) -> list[str]:
        """The command that runs ``command`` in the namespaces. Without ``network`` or ``mounts`` it keeps this machine's."""
        holder = processes.read(self._pid_file)
        if holder is None:
            raise ClusterError("the node has ended meanwhile")
        return [
            "nsenter",
            f"--target={holder.pid}",
            *(["--mount"] if mounts else []),
            *(["--net"] if network else []),
            "--",
            *command,
        ]

    def host_path(self, path: str) -> Path:
        """The path by which this machine reaches a file of the node."""
        holder = processes.read(self._pid_file)
        return Path(f"/proc/{holder.pid}/root{path}") if holder else self.directory / "gone"

    def ensure(self) -> bool:
        """Set up the namespaces unless they exist. True when they had to be made. Remains of a crashed node are removed first."""
        if self.namespace_holder is not None:
            return False
        self.remove()
        for hidden in PRIVATE_FOLDERS:
            if self.directory.is_relative_to(hidden):
                raise ClusterError(f"a node has its own {hidden}, so its directory cannot be {self.directory}")
        self.groups.ensure()
        processes.start(
            ["unshare", "--mount", "--net", "--propagation=private", "sleep", "infinity"],
            pid_file=self._pid_file,
            log_file=self.directory / "logs" / "holder.log",
            digest="",
            cgroup_procs=self.groups.cgroup_procs,
        )
        self._wait_for_namespaces()
        self._mount()
        self._connect()
        holder = processes.read(self._pid_file)
        if holder is None:
            raise ClusterError("the node's namespaces went while they were made")
        self._finished.write_text(f"{holder.pid} {holder.started}")
        return True

    def remove(self) -> None:
        """End all processes of the node and the one that keeps its namespaces."""
        self._finished.unlink(missing_ok=True)
        self.groups.remove()
        self._pid_file.unlink(missing_ok=True)
        if Path(f"/sys/class/net/{self.name}").exists():  # the kernel removes it with the last process, but not at once
            _run(["ip", "link", "delete", self.name], may_fail=True)

    def _wait_for_namespaces(self) -> None:
        holder = processes.read(self._pid_file)
        while holder is not None and holder.alive:
            command = Path(f"/proc/{holder.pid}/comm").read_text().strip()
            if command == "sleep":
                return
        raise ClusterError(
            f"no namespaces for the node: {processes.last_lines(self.directory / 'logs' / 'holder.log')}"
        )

    def _mount(self) -> None:
        var, settings = self.directory / "var", self.directory / "kernel"
        for folder in ("lib", "log", "tmp", "cache"):
            (var / folder).mkdir(parents=True, exist_ok=True)
        for folder in (var, *var.iterdir()):
            folder.chmod(0o755)
        (var / "tmp").chmod(0o1777)
        if not (var / "run").is_symlink():
            (var / "run").symlink_to("/run")
        self._run_inside("mount", "--make-rshared", "/")
        self._run_inside("mount", "--types=tmpfs", "--options=mode=755,nosuid,nodev", "tmpfs", "/run")
        self._run_inside("mount", "--bind", str(var), "/var")
        settings.mkdir(exist_ok=True)
        for name, wanted in KERNEL_SETTINGS.items():
            real, file = Path("/proc/sys") / name, settings / name.replace("/", ".")
            if real.read_text().strip() != wanted:
                file.write_text(f"{wanted}\n")
                self._run_inside("mount", "--bind", str(file), str(real))

    def _connect(self) -> None:
        network = self._draw_network()
        ours, theirs, length = network[1], network[2], network.prefixlen
        holder = processes.read(self._pid_file)
        peer = ["peer", "name", "eth0", "netns", str(holder.pid if holder else 0)]
        _run(["ip", "link", "add", self.name, "type", "veth", *peer])
        _run(["ip", "address", "add", f"{ours}/{length}", "dev", self.name])
        _run(["ip", "link", "set", self.name, "up"])
        self._run_inside("ip", "link", "set", "lo", "up")
        self._run_inside("ip", "address", "add", f"{theirs}/{length}", "dev", "eth0")
        self._run_inside("ip", "link", "set", "eth0", "up")
        # Connections to anywhere else fail at once instead of waiting for an answer.
        self._run_inside("ip", "route", "add", "unreachable", "default")
        self._run_inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def _run_inside(self, *command: str) -> None:
        _run(self.enter(*command))

    def _assigned_network(self) -> ipaddress.IPv4Network:
        return self._remembered_network() or self._draw_network()

    def _remembered_network(self) -> ipaddress.IPv4Network | None:
        try:
            return ipaddress.IPv4Network(json.loads((self.directory / "network.json").read_text()))
        except (FileNotFoundError, ValueError):
            return None

    def _draw_network(self) -> ipaddress.IPv4Network:
        """The remembered network, or another one when an interface of this machine uses it."""
        remembered, taken = self._remembered_network(), list(_host_networks())
        if remembered is not None and not any(remembered.overlaps(each) for each in taken):
            return remembered
        while True:
            offset = random.SystemRandom().randrange(NETWORKS.num_addresses // 4) * 4
            drawn = ipaddress.IPv4Network((int(NETWORKS.network_address) + offset, 30))
            if not any(drawn.overlaps(each) for each in taken):
                write_private(self.directory / "network.json", json.dumps(str(drawn)).encode())
                return drawn


def _host_networks() -> Iterable[ipaddress.IPv4Network]:
    """The networks of this machine's interfaces."""
    for link in json.loads(_run(["ip", "-json", "-4", "address"])):
        for each in link.get("addr_info", []):
            network = ipaddress.IPv4Network(f"{each['local']}/{each['prefixlen']}", strict=False)
            if (
                network.prefixlen > NETWORKS.prefixlen
            ):  # a wider network, such as 10.0.0.0/8, would leave no address to draw
                yield network


def _run(command: list[str], *, may_fail: bool = False) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0 and not may_fail:
        raise ClusterError(f"`{' '.join(command)}` failed: {(answer.stderr or answer.stdout).strip()}")
    return answer.stdout
