"""What the services do while another one is away, and with each other's replicas."""

import signal
from pathlib import Path

import pytest

from tests.services.platform_under_test import Data, Platform, platform
from tests.support.http_json import request
from tests.support.waiting import wait_until

BUSES = pytest.mark.parametrize("bus", ["redis", "rabbitmq"])


def place_order(running: Platform) -> int:
    """Status of an order's request."""
    body = {"product": "BTC-USD", "side": "buy", "size": 0.001}
    return running.ask("/api/orders", "POST", body).status


@BUSES
def test_with_the_bus_away_an_order_is_refused_and_not_kept_for_later(data: Data, tmp_path: Path, bus: str) -> None:
    server = data.bus(bus)
    with platform(data, bus, tmp_path) as running:
        running.workers()
        running.api()
        assert running.order()["status"] == "filled"
        server.stop()
        try:
            wait_until(lambda: place_order(running) == 503, 10, "the refusal")
            assert request(running.url("api", "/healthz")).status == 200
        finally:
            server.start()
        events = running.value("workers", "atlas_events_consumed_total", '{topic="price_update"}')
        wait_until(
            lambda: running.value("workers", "atlas_events_consumed_total", '{topic="price_update"}') > events,
            30,
            "events after the outage",
        )
        wait_until(lambda: place_order(running) == 202, 30, "orders after the outage")
        wait_until(
            lambda: running.data.postgres.query("SELECT count(*) FROM orders", running.database) == "2", 10, "it"
        )
        # An outage is told once, if it lasted longer than the client's own attempts to connect again.
        told = [line["message"] for line in running.processes["workers"].lines()]
        assert (told.count("bus_lost"), told.count("exchange_stopped")) in ((1, 1), (0, 0))
        assert bus == "redis" or "bus_back" in told
        assert [line["message"] for line in running.processes["api"].lines()].count("bus connected") == 2


@BUSES
def test_with_the_bus_hanging_an_order_is_refused_before_its_user_gives_up(
    data: Data, tmp_path: Path, bus: str
) -> None:
    server = data.bus(bus)
    with platform(data, bus, tmp_path) as running:
        running.api()
        assert place_order(running) == 202
        with server.hanging():
            assert place_order(running) == 503
        wait_until(lambda: place_order(running) == 202, 30, "orders after it")


@BUSES
def test_of_two_workers_one_handles_an_order_and_both_hear_the_kill_switch(
    data: Data, tmp_path: Path, bus: str
) -> None:
    with platform(data, bus, tmp_path) as running:
        running.workers("workers-0")
        running.workers("workers-1")
        running.api()
        states = [running.order()["status"] for _ in range(10)]

        assert states == ["filled"] * 10
        both = ("workers-0", "workers-1")

        def handled() -> float:
            """By either, whatever came of them."""
            return sum(sum(running.series(name, "atlas_order_processing_seconds_count").values()) for name in both)

        wait_until(lambda: handled() == 10, 5, "ten orders, each handled once")
        position = wait_until(
            lambda: running.data.postgres.query("SELECT sum(size) FROM orders", running.database), 5, "the position"
        )
        assert float(position) == pytest.approx(0.01)
        body = {"engaged": True, "reason": "a test"}
        assert running.ask("/api/kill-switch", "POST", body).status == 202
        wait_until(lambda: all(running.value(name, "atlas_kill_switch") == 1 for name in both), 10, "both switches")


def test_when_the_worker_that_runs_the_exchange_is_killed_another_one_takes_over(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as running:
        first = running.workers("workers-0")
        running.workers("workers-1")
        assert running.value("workers-1", "atlas_events_published_total", '{topic="price_update"}') == 0
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        del running.processes["workers-0"]

        wait_until(
            lambda: running.value("workers-1", "atlas_events_published_total", '{topic="price_update"}') > 0,
            15,
            "prices from the other worker",
        )


def test_workers_wait_for_a_database_that_starts_later(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as running:
        running.data.postgres.stop()
        try:
            process = running.workers(wait=False)
            process.ready(lambda: "waiting" in {line.get("message") for line in process.lines()}, "the wait to be told")
        finally:
            running.data.postgres.start()
        wait_until(lambda: running.series("workers", "atlas_last_price"), 20, "prices")
        told = [line["message"] for line in process.lines()]
        assert (told.count("waiting"), told.count("there")) == (1, 1)
