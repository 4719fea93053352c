"""Orders from the api over either bus to the workers, and what comes back."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.services.platform_under_test import Data, Platform, platform
from tests.support.waiting import wait_until

PRODUCTS = ("BTC-USD", "ETH-USD")
FAR = 0.5  # of the last price: no limit order so far away is filled during a test


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def running(request: pytest.FixtureRequest, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp(request.param)
    limits = {"MAX_ORDER_NOTIONAL": "1000", "MAX_OPEN_ORDERS": "3", "MAX_ORDERS_PER_MINUTE": "1000"}
    with platform(data, request.param, folder, FAULTS="true", USE_EVENT_BUS_SSE="true", **limits) as started:
        started.workers()
        started.api()
        yield started


@pytest.fixture(autouse=True)
def _nothing_open(running: Platform) -> Iterator[None]:
    """Each test ends with its orders withdrawn, the kill switch released and no fault."""
    yield
    for kind in ("bus_lag", "feed_frozen", "exposure_frozen", "kill_switch_fails"):
        running.ask("/api/faults", "POST", {"kind": kind, "seconds": 0})
    switch(running, True)
    switch(running, False)


def switch(running: Platform, engaged: bool) -> None:
    body = {"engaged": engaged, "reason": "a test"}
    assert running.ask("/api/kill-switch", "POST", body).status == 202
    shown = float(engaged)
    wait_until(lambda: running.value("workers", "atlas_kill_switch") == shown, 10, f"the kill switch at {shown}")


def counted(running: Platform, outcome: str) -> None:
    """An outcome can be read before it is counted."""
    name, labels = "atlas_order_processing_seconds_count", f'{{outcome="{outcome}"}}'
    wait_until(lambda: running.value("workers", name, labels) >= 1, 10, "the count")


def last_price(running: Platform, product: str = "BTC-USD") -> float:
    return running.value("workers", "atlas_last_price", f'{{product="{product}"}}')


def test_a_market_order_is_filled_at_the_last_price_and_shows_as_exposure(running: Platform) -> None:
    filled = running.order(size=0.002)

    assert filled["status"] == "filled"
    assert filled["fill_price"] == pytest.approx(last_price(running), rel=0.02)
    shown = wait_until(
        lambda: running.value("workers", "atlas_exposure", '{product="BTC-USD"}'), 10, "an exposure of the position"
    )
    assert shown == pytest.approx(0.002 * last_price(running), rel=0.02)
    counted(running, "filled")


def test_a_limit_order_rests_until_its_price_comes(running: Platform) -> None:
    resting = running.order(price=last_price(running) * FAR)

    assert resting["status"] == "open"
    wait_until(lambda: running.value("workers", "atlas_open_orders") == 1, 10, "one open order")
    # Nobody waits for half the price: the limit moves to the market instead.
    limit = last_price(running) * 2
    raised = f"UPDATE orders SET price = {limit} WHERE id = '{resting['id']}'"  # noqa: S608 - our own number and id
    running.data.postgres.query(raised, running.database)
    wait_until(lambda: running.order_by_id(resting["id"])["status"] == "filled", 10, "the fill")
    wait_until(lambda: running.value("workers", "atlas_open_orders") == 0, 10, "no open order")


def test_an_order_over_the_notional_limit_is_refused_with_the_reason(running: Platform) -> None:
    refused = running.order(size=0.1)

    assert (refused["status"], refused["reason"]) == ("refused", "order notional over limit")
    counted(running, "refused")


def test_no_more_orders_rest_than_allowed(running: Platform) -> None:
    price = last_price(running) * FAR
    states = [running.order(price=price)["status"] for _ in range(3)]
    fourth = running.order(price=price)

    assert states == ["open"] * 3
    assert (fourth["status"], fourth["reason"]) == ("refused", "too many open orders")


def test_the_kill_switch_withdraws_open_orders_and_lets_no_new_one_in(running: Platform) -> None:
    resting = running.order(price=last_price(running) * FAR)
    switch(running, True)

    wait_until(lambda: running.order_by_id(resting["id"])["status"] == "cancelled", 10, "the withdrawal")
    refused = running.order()
    assert (refused["status"], refused["reason"]) == ("refused", "kill switch engaged")
    switch(running, False)
    assert running.order()["status"] == "filled"


def test_a_kill_switch_that_fails_is_shown_and_not_obeyed(running: Platform) -> None:
    fault = {"kind": "kill_switch_fails", "seconds": 60}
    assert running.ask("/api/faults", "POST", fault).status == 202
    switch(running, True)

    assert running.order()["status"] == "filled"


def test_a_frozen_feed_keeps_its_last_price_while_events_go_on(running: Platform) -> None:
    fault = {"kind": "feed_frozen", "seconds": 60}
    assert running.ask("/api/faults", "POST", fault).status == 202
    wait_until(lambda: _same_price_for(running, 1.0), 10, "a price that stands still")

    _await_ticks(running, 1)


def test_what_is_frozen_of_one_product_moves_of_the_others(running: Platform) -> None:
    for product in PRODUCTS:
        assert running.order(product=product, size=0.01)["status"] == "filled"
    wait_until(lambda: len(_moved(running)) == 4, 15, "prices and exposures that move")
    for kind, product in (("feed_frozen", "ETH-USD"), ("exposure_frozen", "BTC-USD")):
        fault = {"kind": kind, "seconds": 60, "product": product}
        assert running.ask("/api/faults", "POST", fault).status == 202
    wait_until(lambda: _moved(running) == {("atlas_last_price", "BTC-USD")}, 15, "one price that moves, and no more")


def _moved(running: Platform) -> set[tuple[str, str]]:
    """The gauges of products that change in a few ticks of the exchange, by name and product."""

    def values() -> set[tuple[str, str, float]]:
        return {
            (name, product, running.value("workers", name, f'{{product="{product}"}}'))
            for name in ("atlas_last_price", "atlas_exposure")
            for product in PRODUCTS
        }

    before = values()
    _await_ticks(running, 5)
    return {(name, product) for name, product, _ in values() - before}


def _await_ticks(running: Platform, number: float) -> None:
    def received() -> float:
        return running.value("workers", "atlas_events_consumed_total", '{topic="pnl_update"}')

    since = received()
    wait_until(lambda: received() >= since + number, 10, "ticks of the exchange")


def _same_price_for(running: Platform, seconds: float) -> bool:
    before = last_price(running)
    _await_ticks(running, seconds / 0.2)
    return last_price(running) == before


def test_a_lagging_bus_shows_in_the_lag(running: Platform) -> None:
    late = 'le="0.5",topic="pnl_update"'

    def over_half_a_second() -> float:
        buckets = running.series("workers", "atlas_event_bus_lag_seconds_bucket")
        under = next(value for labels, value in buckets.items() if late in labels)
        return running.value("workers", "atlas_event_bus_lag_seconds_count", '{topic="pnl_update"}') - under

    before = over_half_a_second()
    fault = {"kind": "bus_lag", "seconds": 3, "delay": 1}
    assert running.ask("/api/faults", "POST", fault).status == 202
    # A second late are those of three seconds, five of them in each; a machine that stalls makes one late by itself.
    wait_until(lambda: over_half_a_second() >= before + 5, 15, "events that are late")


def test_every_topic_is_counted_from_the_start_and_lag_has_a_bound_at_one_second(running: Platform) -> None:
    topics = {f'{{topic="{topic}"}}' for topic in ("order_request", "order_update", "price_update", "exposure_update")}

    assert topics <= set(running.series("workers", "atlas_events_consumed_total"))
    assert topics <= set(running.series("workers", "atlas_events_published_total"))
    assert any('le="1.0"' in labels for labels in running.series("workers", "atlas_event_bus_lag_seconds_bucket"))


def test_the_stream_hands_on_what_the_bus_says(running: Platform) -> None:
    received: dict[str, dict[str, object]] = {}
    with urllib.request.urlopen(running.stream(), timeout=10) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        name = ""
        for line in stream:
            text = line.decode().rstrip()
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            elif text.startswith("data: "):
                received[name] = json.loads(text.removeprefix("data: "))
            if {"exposure_update", "pnl_update"} <= set(received):
                break

    assert received["exposure_update"]["product"] in ("BTC-USD", "ETH-USD")
    assert isinstance(received["pnl_update"]["daily_pnl"], float)


def test_ids_of_request_user_and_trade_are_in_the_logs_of_both(running: Platform) -> None:
    headers = {"x-request-id": "req-4711", "x-user-id": "trader-7"}
    body = {"product": "ETH-USD", "side": "sell", "size": 0.01}
    answer = running.ask("/api/orders", "POST", body, headers)
    order_id = answer.json["orderId"]
    running.order_by_id(order_id, open_counts=False)

    assert answer.headers["x-request-id"] == "req-4711"
    api = [line for line in running.processes["api"].lines() if line.get("tradeId") == order_id]
    assert {(line["reqId"], line["userId"]) for line in api} == {("req-4711", "trader-7")}
    workers = [line for line in running.processes["workers"].lines() if line.get("trade_id") == order_id]
    assert ("order_filled", "req-4711", "trader-7") in {
        (line["message"], line["request_id"], line["user_id"]) for line in workers
    }


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"product": "DOGE-USD", "side": "buy", "size": 1}, "product"),
        ({"product": "BTC-USD", "side": "hold", "size": 1}, "side"),
        ({"product": "BTC-USD", "side": "buy", "size": -1}, "size"),
        ({"product": "BTC-USD", "side": "buy", "size": 1, "leverage": 100}, "leverage"),
    ],
)
def test_a_wrong_order_is_refused_by_the_api_and_names_the_member(
    running: Platform, body: dict[str, object], named: str
) -> None:
    answer = running.ask("/api/orders", "POST", body)

    assert answer.status == 400
    assert named in answer.json["error"]
