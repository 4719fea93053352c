"""What a machine must have for the embedded cluster's node. Where it lacks, the cluster goes without one, and says so once."""

import os
import subprocess
from collections.abc import Mapping

from tools import control_groups, debian
from tools.preflight import Issue

PROGRAMS: Mapping[str, str] = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ptp": "containernetworking-plugins",
    "host-local": "containernetworking-plugins",
    "nft": "nftables",
    "socat": "socat",
    "catatonit": "catatonit",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""The package of Debian that has each program."""
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}
PROBES = {
    "unshare --mount --net true": "namespaces of its own for mounts and networks",
    "unshare --mount --net sh -c 'ip link add one type veth peer name two'": "pairs of network interfaces (veth)",
    "unshare --mount --net nft add table ip one": "packet filters (nftables)",
    "unshare --mount sh -c 'mount --types=tmpfs tmpfs /mnt && cd /mnt && mkdir 1 2 3 4 && "
    "mount --types=overlay --options=lowerdir=1,upperdir=2,workdir=3 overlay 4'": "overlay file systems",
}
"""What the kernel has to let us do, tried where nobody sees it, and what to call it."""


def missing_packages() -> list[str]:
    """The packages of Debian that a node needs and this machine lacks."""
    return debian.missing_packages(PROGRAMS)


def missing() -> list[Issue]:
    """What keeps a node from running here, packages of Debian that set-up can install left out."""
    if os.geteuid() != 0:
        return [
            Issue("you are not root, and a node mounts, bridges and limits", "run it as root, in a virtual machine")
        ]
    found = debian.install_issues(missing_packages(), "a node needs programs of Debian 12")
    absent = CONTROLLERS - control_groups.controllers()
    if absent:
        found.append(
            Issue(f"no control groups for {', '.join(sorted(absent))}", "a kernel and a container that has them")
        )
    elif not all(os.access(hierarchy, os.W_OK) for hierarchy in control_groups.hierarchies()):
        found.append(Issue("control groups are read-only", "a machine instead of a container, or a privileged one"))
    if not missing_packages():
        for command, what in PROBES.items():
            answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                said = (answer.stderr.strip().splitlines() or ["it fails"])[-1]
                found.append(Issue(f"no {what} ({said})", "a kernel that has them, and the right to make them"))
    return found


def message(problems: list[Issue]) -> str:
    """All of it in one message, with the other ways to pods that run."""
    return "\n".join(
        [
            "the cluster has no node, so its objects are declared and no pod starts. This machine lacks:",
            *(str(problem) for problem in problems),
            "Or use a cluster that has nodes (kind, or one of yours): KUBECONFIG=… make up STACK=dev",
        ]
    )
