"""The stack that the tests of every signal share: ``make up`` in a copy of the repository, with somebody who hears its alerts."""

import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.deployed_copy import prepare
from tests.e2e.running_stack import RunningStack, running_stack
from tests.e2e.webhook_receiver import start_webhook_receiver
from tests.support.collector_process import span, traces
from tests.support.machine import missing
from tests.support.repository import make
from tools import node_requirements

ORDER = (
    "test_rest",
    "test_arrival",
    "test_logs",
    "test_traces",
    "test_sign_in",
    "test_metrics",
    "test_correlation",
    "test_panels",
    "test_bench",
    "test_alerts",
    "test_end",
)
"""Faults come after what they would disturb, and the end at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack", type=Path, help="folder of the copy whose stack is used: made where it is missing, and left"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of other folders, where these are run together, keep their order before them."""
    here = Path(__file__).parent
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.parent == here else -1)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether alerts wait as long as they do in production."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, full: bool
) -> Iterator[RunningStack]:
    """The running stack, with whoever hears its alerts."""
    if issues := node_requirements.missing():
        missing(node_requirements.message(issues))
    kept: Path | None = request.config.getoption("--stack")
    copy = (kept or tmp_path_factory.mktemp("stack") / "atlas").absolute()
    try:
        if not copy.exists():
            prepare(copy, hasty=not full)
        said = make(copy, "up").stdout
        without = re.findall(r"scaled to zero: (.*), for", said)
        assert without in ([], ["grafana"]), said[-5000:]  # its image alone cannot be made here
        running = running_stack(copy)
        start_webhook_receiver(running)
        yield running
        running.close()
    finally:
        if not kept and copy.exists():
            make(copy, "wipe", check=False)


@pytest.fixture(scope="session")
def busy(stack: RunningStack) -> RunningStack:
    """The stack after users have ordered and failed, work has failed, a backtest has run and somebody has looked for traces."""
    job = f"backtest-{secrets.token_hex(3)}"
    stack.cluster.kubectl("create", "job", job, "--from=cronjob/backtester", "--namespace=trading")
    for number in range(60):
        side = "buy" if number % 2 else "sell"
        stack.ask("api", "/api/orders", {"product": "BTC-USD", "side": side, "size": 0.001})
        if number % 6 == 0:
            stack.ask("api", "/api/orders", {"product": "BTC-USD", "side": "hold", "size": 1})
            stack.ask("api", "/api/orders")
            stack.send("traces", traces([span(failed=True)], "e2e-failing"))
        time.sleep(0.5)
    stack.ask("jaeger", "/api/services")
    stack.cluster.kubectl("wait", "--for=condition=Complete", f"job/{job}", "--namespace=trading", "--timeout=120s")
    return stack
