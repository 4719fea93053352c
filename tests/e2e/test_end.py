"""``make down`` leaves nothing of the stack on this machine: no process, no interface, no control group."""

from pathlib import Path

import pytest

from tests.e2e.running_stack import RunningStack
from tests.support.repository import make
from tools.node_host import NodeHost


def test_down_leaves_nothing(stack: RunningStack, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--stack"):
        pytest.skip("the stack of --stack goes on")
    host = NodeHost(stack.repository / ".local/cluster/node")
    assert host.groups.processes()
    stack.close()
    make(stack.repository, "down")

    assert host.groups.processes() == set()
    assert not Path(f"/sys/class/net/{host.name}").exists()
    assert not list(Path("/sys/fs/cgroup").rglob(host.name))
