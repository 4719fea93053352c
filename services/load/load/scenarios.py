"""What the driver can do, each for as long as it is told: ``SCENARIOS`` by name. What one begins, it ends, also when stopped."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from load.client import Client

_random = random.Random()  # noqa: S311 - traffic, not secrets
_BETTER = 0.001  # of the last price: a limit that rests for seconds to minutes


@dataclass(frozen=True, kw_only=True)
class Pace:
    """``until`` is in the loop's time, ``rate`` in requests a second over all ``users``."""

    until: float
    seconds: float
    rate: float
    users: int


async def orders(client: Client, pace: Pace) -> None:
    """Users buy and sell at the market and with limits, and look at what became of it."""

    prices: dict[str, float] = {}

    async def user(name: str) -> None:
        async for _ in beats(client, pace, pace.rate / pace.users):
            product, size = _random.choice((("BTC-USD", 0.001), ("ETH-USD", 0.02)))
            order = {"product": product, "side": _random.choice(("buy", "sell")), "size": size}
            if product in prices and _random.random() < 0.3:
                better = 1 - _BETTER if order["side"] == "buy" else 1 + _BETTER
                order["price"] = round(prices[product] * better, 2)
            await client.as_user(name, "POST", "/api/orders", order)
            if _random.random() < 0.3:
                known = await client.as_user(name, "GET", "/api/orders")
                # The newest come first.
                for each in reversed(known["orders"] if known else []):
                    if each["fill_price"]:
                        prices[each["product"]] = each["fill_price"]

    await asyncio.gather(*(user(f"trader-{number}") for number in range(1, pace.users + 1)))


async def errors(client: Client, pace: Pace) -> None:
    """Orders that are refused by the api, an order that nobody knows, and a handler that fails."""
    asks = (
        ("POST", "/api/orders", {"product": "BTC-USD", "side": "hold", "size": 1}),
        ("GET", "/api/orders/none", None),
        ("GET", "/api/faults/error", None),
    )
    async for _ in beats(client, pace, pace.rate):
        await client.direct(*_random.choice(asks))


async def slow(client: Client, pace: Pace) -> None:
    """Calls that take half a second, several at a time."""

    async def caller() -> None:
        async for _ in beats(client, pace, pace.rate / pace.users):
            await client.direct("GET", "/api/faults/slow?milliseconds=500")

    await asyncio.gather(*(caller() for _ in range(pace.users)))


async def bus_lag(client: Client, pace: Pace) -> None:
    """Every event is handled two seconds after the one before it."""
    async with fault(client, "bus_lag", pace.seconds, delay=2):
        await rest(pace)


async def feed_frozen(client: Client, pace: Pace) -> None:
    """Prices stand still."""
    async with fault(client, "feed_frozen", pace.seconds):
        await rest(pace)


async def kill_switch(client: Client, pace: Pace) -> None:
    """The kill switch is engaged, and users go on ordering."""
    async with engaged(client):
        await orders(client, pace)


async def kill_switch_fails(client: Client, pace: Pace) -> None:
    """The kill switch is engaged and shown, and orders go through all the same."""
    async with fault(client, "kill_switch_fails", pace.seconds), engaged(client):
        await orders(client, pace)


SCENARIOS: Mapping[str, Callable[[Client, Pace], Awaitable[None]]] = {
    "orders": orders,
    "errors": errors,
    "slow": slow,
    "bus-lag": bus_lag,
    "feed-frozen": feed_frozen,
    "kill-switch": kill_switch,
    "kill-switch-fails": kill_switch_fails,
}


async def beats(client: Client, pace: Pace, rate: float) -> AsyncIterator[None]:
    """Moments at random, ``rate`` a second on average, until time or requests are used up."""
    loop = asyncio.get_running_loop()
    while client.left > 0:
        pause = _random.expovariate(rate)
        if loop.time() + pause >= pace.until:
            await rest(pace)
            return
        await asyncio.sleep(pause)
        yield


async def rest(pace: Pace) -> None:
    await asyncio.sleep(max(0.0, pace.until - asyncio.get_running_loop().time()))


@contextlib.asynccontextmanager
async def fault(client: Client, kind: str, seconds: float, **more: float) -> AsyncIterator[None]:
    """It would end by itself after ``seconds``, also if the driver were killed."""
    await client.fault(kind=kind, seconds=seconds, **more)
    try:
        yield
    finally:
        await client.fault(kind=kind, seconds=0)


@contextlib.asynccontextmanager
async def engaged(client: Client) -> AsyncIterator[None]:
    await client.as_user("load", "POST", "/api/kill-switch", {"engaged": True, "reason": "load driver"})
    try:
        yield
    finally:
        await client.as_user("load", "POST", "/api/kill-switch", {"engaged": False, "reason": "load driver"})
