"""What of this machine a node must leave as it is."""

import subprocess


def settings_of_machine() -> dict[str, str]:
    """Firewall, routes but those of nodes' own links, and the kernel's settings."""

    def said(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    routes = [line for line in said("ip", "route", "show", "table", "all").splitlines() if "atlas-" not in line]
    kernel = said(
        "sysctl", "-a", "--pattern", "^(vm|kernel.panic|kernel.keys|net.ipv4.ip_forward|net.bridge|net.netfilter)"
    )
    steady = [line for line in kernel.splitlines() if "conntrack_count" not in line]
    return {"firewall": said("nft", "list", "ruleset"), "routes": "\n".join(routes), "kernel": "\n".join(steady)}
