"""Debian's own servers and programs, which the tests and the node use: installed system-wide, so the message names them first."""

import os
import shutil
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path

from tools.preflight import Problem
from tools.progress import run, say

PROGRAMS: Mapping[str, str] = {
    "redis-server": "redis-server",
    "rabbitmq-server": "rabbitmq-server",
    "postgres": "postgresql",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "docker-registry": "docker-registry",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}
"""The package that has each program."""

SEARCHED = ("/usr/sbin", "/sbin", "/usr/lib/cni", *glob("/usr/lib/postgresql/*/bin"))
"""Where Debian puts servers and network plugins beside PATH."""

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks it whether an installed server may be started. 101 is no."""


def missing(programs: Mapping[str, str] = PROGRAMS) -> list[str]:
    """The packages whose program is not on this machine."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SEARCHED])
    return sorted({package for program, package in programs.items() if shutil.which(program, path=path) is None})


def problems(packages: Sequence[str], why: str = "the tests need servers of Debian 12") -> list[Problem]:
    """What keeps these packages from being installed by us."""
    if not packages or (os.geteuid() == 0 and shutil.which("apt-get")):
        return []
    return [Problem(why, f"as root: apt-get install {' '.join(packages)}")]


def install(packages: Sequence[str]) -> str:
    """Install them, and start none of them."""
    say(f"      installs for the whole machine: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        run("apt-get update", ["apt-get", "update"], cwd=Path("/"), environment=environment)
        run(
            "apt-get install",
            ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
            cwd=Path("/"),
            environment=environment,
            hint=lambda _: f"Mend: apt-get install {' '.join(packages)}",
        )
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
    return "installed"
