"""The load driver makes traffic and faults, stays inside its bounds, and ends what it began."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import service_builds
from tests.services.platform_under_test import Data, Platform, platform
from tests.support.addresses import free_port
from tests.support.process import Process
from tests.support.waiting import wait_until

FOLDER = service_builds.SERVICES / "load"


@pytest.fixture(scope="module")
def running(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    limits = {"MAX_ORDERS_PER_MINUTE": "1000", "MAX_OPEN_ORDERS": "1000"}
    with platform(data, "rabbitmq", tmp_path_factory.mktemp("load"), FAULTS="true", **limits) as started:
        started.workers()
        started.api()
        yield started


def load(running: Platform, *arguments: str, code: int = 0) -> dict[str, Any]:
    command = [service_builds.python("load"), "-m", "load", "--api", running.url("api"), *arguments]
    env = {"PATH": os.environ["PATH"], "API_TOKEN": running.token}
    ran = subprocess.run(command, cwd=FOLDER, env=env, capture_output=True, text=True)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return json.loads(ran.stdout) if code == 0 else {"said": ran.stderr}


def test_users_place_orders_that_the_workers_fill(running: Platform) -> None:
    before = running.value("workers", "atlas_order_processing_seconds_count", '{outcome="filled"}')
    told = load(running, "--scenario", "orders", "--seconds", "4", "--rate", "20")

    assert told["counts"]["POST /api/orders 202"] > 20
    filled = running.value("workers", "atlas_order_processing_seconds_count", '{outcome="filled"}') - before
    assert filled > 10


def test_errors_are_of_each_kind(running: Platform) -> None:
    counts = load(running, "--scenario", "errors", "--seconds", "3", "--rate", "30")["counts"]

    assert set(counts) == {"POST /api/orders 400", "GET /api/orders/none 404", "GET /api/faults/error 500"}


def test_slow_calls_are_slow_and_several_scenarios_run_at_once(running: Platform) -> None:
    arguments = ["--scenario", "slow", "--scenario", "errors", "--seconds", "3", "--rate", "4"]
    counts = load(running, *arguments)["counts"]
    answered = [line for line in running.processes["api"].lines() if line.get("route") == "/api/faults/slow"]

    assert counts["GET /api/faults/slow 200"] > 0
    assert any(key.endswith(("400", "404", "500")) for key in counts)
    assert min(line["milliseconds"] for line in answered if "milliseconds" in line) >= 490


def test_no_more_requests_than_allowed_are_made(running: Platform) -> None:
    told = load(running, "--scenario", "errors", "--seconds", "30", "--rate", "50", "--most", "15")

    assert told["requests"] == 15


def test_the_kill_switch_refuses_orders_for_the_time_and_is_released(running: Platform) -> None:
    before = running.value("workers", "atlas_order_processing_seconds_count", '{outcome="refused"}')
    load(running, "--scenario", "kill-switch", "--seconds", "3", "--rate", "10")

    assert running.value("workers", "atlas_order_processing_seconds_count", '{outcome="refused"}') > before + 5
    wait_until(lambda: running.value("workers", "atlas_kill_switch") == 0, 5, "the release")


def test_a_kill_switch_that_fails_leaves_orders_filled_while_it_is_on(running: Platform) -> None:
    before = running.value("workers", "atlas_order_processing_seconds_count", '{outcome="filled"}')
    process = _begun(running, "kill-switch-fails", "--seconds", "60", "--rate", "20")
    wait_until(lambda: running.value("workers", "atlas_kill_switch") == 1, 10, "the kill switch")
    wait_until(
        lambda: running.value("workers", "atlas_order_processing_seconds_count", '{outcome="filled"}') > before + 5,
        10,
        "orders that are filled",
    )
    # Interrupted, it ends what it began.
    assert process.stop(signal.SIGINT) == 0
    wait_until(lambda: running.value("workers", "atlas_kill_switch") == 0, 5, "the release")


def test_a_frozen_feed_thaws_when_the_driver_ends(running: Platform) -> None:
    def frozen() -> bool:
        price = running.series("workers", "atlas_last_price")
        ticks = running.value("workers", "atlas_events_consumed_total", '{topic="pnl_update"}')
        wait_until(
            lambda: running.value("workers", "atlas_events_consumed_total", '{topic="pnl_update"}') > ticks + 3,
            10,
            "ticks",
        )
        return running.series("workers", "atlas_last_price") == price

    process = _begun(running, "feed-frozen", "--seconds", "60")
    wait_until(frozen, 10, "prices that stand still")
    process.stop()
    wait_until(lambda: not frozen(), 10, "prices that move")


def test_a_lagging_bus_makes_events_old(running: Platform) -> None:
    before = running.value("workers", "atlas_event_bus_lag_seconds_sum", '{topic="price_update"}')
    load(running, "--scenario", "bus-lag", "--seconds", "5")

    wait_until(
        lambda: running.value("workers", "atlas_event_bus_lag_seconds_sum", '{topic="price_update"}') > before + 2,
        30,
        "old events",
    )


def _begun(running: Platform, scenario: str, *arguments: str) -> Process:
    command = [
        service_builds.python("load"),
        "-m",
        "load",
        "--api",
        running.url("api"),
        "--scenario",
        scenario,
        *arguments,
    ]
    return Process(command, {"API_TOKEN": running.token}, running.folder / f"load-{scenario}.log", FOLDER)


def test_faults_are_refused_where_the_platform_does_not_allow_them(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as sober:
        sober.api()
        assert "FAULTS=true" in load(sober, "--scenario", "bus-lag", "--seconds", "2", code=1)["said"]
        assert sober.ask("/api/faults/error").status == 404


@pytest.mark.parametrize("wrong", [("--seconds", "4000"), ("--rate", "0"), ("--users", "1000"), ("--scenario", "rain")])
def test_bounds_are_kept(running: Platform, wrong: tuple[str, str]) -> None:
    said = load(running, "--scenario", "orders", *wrong, code=2)["said"]

    assert wrong[0] in said


def test_a_platform_that_is_away_is_exit_code_1(tmp_path: Path) -> None:
    command = [service_builds.python("load"), "-m", "load", "--api", f"http://127.0.0.1:{free_port()}"]
    ran = subprocess.run([*command, "--scenario", "errors", "--seconds", "1", "--rate", "9"], cwd=FOLDER, env={})

    assert ran.returncode == 1
