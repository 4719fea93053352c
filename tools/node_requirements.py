"""What a machine must have for the embedded cluster's node. Without it the cluster has no node, and one message says why."""

import os
import subprocess
from collections.abc import Mapping

from tools import control_groups, debian, preflight
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
"""Programs, with the Debian package that has each."""
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}
PROBES = {
    "unshare --mount --net true": "namespaces of its own for mounts and networks",
    "unshare --mount --net sh -c 'ip link add one type veth peer name two'": "pairs of network interfaces (veth)",
    "unshare --mount --net nft add table ip one": "packet filters (nftables)",
    "unshare --mount sh -c 'mount --types=tmpfs tmpfs /mnt && cd /mnt && mkdir 1 2 3 4 && "
    "mount --types=overlay --options=lowerdir=1,upperdir=2,workdir=3 overlay 4'": "overlay file systems",
}
"""Commands that try what the kernel must allow, in namespaces of their own, with the name of each ability."""


def missing_packages() -> list[str]:
    """Debian packages that a node needs and that are not installed."""
    return debian.missing_packages(PROGRAMS)


def missing() -> list[Issue]:
    """What keeps a node from running here, except Debian packages that set-up can install."""
    if not preflight.is_linux():
        return [Issue("this is not Linux", "run it in a virtual machine with Linux")]
    if os.geteuid() != 0:
        return [
            Issue(
                "you are not root, as mounts, networks and control groups require",
                "run it as root, in a virtual machine",
            )
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
        for command, ability in PROBES.items():
            answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                output = (answer.stderr.strip().splitlines() or ["it fails"])[-1]
                found.append(Issue(f"no {ability} ({output})", "a kernel that has them, and the right to make them"))
    return found


def message(issues: list[Issue]) -> str:
    """One message for all of them, with another way to run pods."""
    return "\n".join(
        [
            "the cluster has no node, so its objects are declared and no pod starts. Missing on this machine:",
            *(str(issue) for issue in issues),
            "Or use a cluster that has nodes: kind (docs/local-cluster.md), or your own: KUBECONFIG=… make up STACK=dev",
        ]
    )
