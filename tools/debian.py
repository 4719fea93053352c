"""Servers and programs that the tests and the node take from Debian's packages. They are installed for the whole machine."""

import os
import shutil
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path

from tools.preflight import Issue
from tools.progress import log, run

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
"""Programs, with the package that has each."""
USED_BY: Mapping[str, str] = {
    "redis-server": "`make test-services`",
    "rabbitmq-server": "`make test-services`",
    "postgresql": "`make test-services`",
    "prometheus-blackbox-exporter": "tests/data/test_config_blackbox.py",
    "docker.io": "`make test-images`",
    "debootstrap": "`make test-images`",
    "docker-registry": "the tests that need a registry",
    "chromium": "tests/services/test_sign_in.py",
    "chromium-driver": "tests/services/test_sign_in.py",
}
"""What does not run without each package."""

SEARCH_PATH = ("/usr/sbin", "/sbin", "/usr/lib/cni", *glob("/usr/lib/postgresql/*/bin"))
"""Folders outside PATH where Debian puts servers and network plugins."""

POLICY_RC = Path("/usr/sbin/policy-rc.d")
"""Debian runs this script to ask whether a newly installed server may start; exit code 101 says no."""


def missing_packages(programs: Mapping[str, str] = PROGRAMS) -> list[str]:
    """The packages of which a program is not on this machine."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SEARCH_PATH])
    return sorted({package for program, package in programs.items() if shutil.which(program, path=path) is None})


def install_issues(packages: Sequence[str], reason: str) -> list[Issue]:
    """Why set-up cannot install these packages itself: it needs root and ``apt-get``. ``reason`` says what they are for."""
    if not packages or can_install():
        return []
    return [Issue(reason, f"as root: apt-get install {' '.join(packages)}")]


def can_install() -> bool:
    """Whether set-up can install packages here: as root, where there is ``apt-get``."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def without(package: str) -> str:
    """What does not run on a machine without this package, in one line."""
    return f"{package} is not here; not run without it: {USED_BY[package]} (fix: as root, apt-get install {package})"


def install(packages: Sequence[str]) -> str:
    """Install the packages without starting their servers."""
    log(f"      installing for the whole machine: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ours = not POLICY_RC.exists()
    if ours:
        POLICY_RC.write_text("#!/bin/sh\nexit 101\n")
        POLICY_RC.chmod(0o755)
    try:
        run("apt-get update", ["apt-get", "update"], cwd=Path("/"), environment=environment)
        run(
            "apt-get install",
            ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
            cwd=Path("/"),
            environment=environment,
            hint=lambda _: f"fix: apt-get install {' '.join(packages)}",
        )
    finally:
        if ours:
            POLICY_RC.unlink(missing_ok=True)
    return "installed"
