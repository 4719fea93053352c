"""Services of a cluster at ports of this machine, with a stand-in for kubectl."""

import sys
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tools.port_forward import Access, PortForward, open_port_forward
from tools.supervised_process import ClusterError

FORWARD = PortForward(namespace="observability", service="prometheus", port=9090)


def access(folder: Path, script: str) -> Access:
    """A way to a cluster whose kubectl is ``script``."""
    kubectl = folder / "kubectl"
    kubectl.write_text(f"#!{sys.executable}\n{script}")
    kubectl.chmod(0o755)
    return Access(environment={"PATH": f"{folder}:/usr/bin:/bin"}, context="test", private=folder)


def test_a_port_that_is_used_much_goes_on(tmp_path: Path) -> None:
    told = "print('Handling connection for 9090' * 10)"
    script = f"""
import pathlib, time
print("Forwarding from 127.0.0.1:9090 -> 9090", flush=True)
for _ in range(5000):
    {told}
pathlib.Path({str(tmp_path / "went on")!r}).touch()
time.sleep(60)
"""
    with open_port_forward(FORWARD, access(tmp_path, script)):
        wait_until((tmp_path / "went on").exists, 10)


def test_a_port_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    refusing = "print('error: services \"prometheus\" not found')"
    with (
        pytest.raises(ClusterError, match='services "prometheus" not found'),
        open_port_forward(FORWARD, access(tmp_path, refusing)),
    ):
        pass
