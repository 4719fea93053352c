"""The paper exchange: prices that wander, limit orders that they fill, positions at their prices. One worker runs it for all."""

import asyncio
import contextlib
import random
from collections.abc import Mapping

import structlog

from workers.bus import Bus
from workers.faults import Faults
from workers.orders import Orders
from workers.settings import Settings
from workers.store import Position, Store

logger = structlog.get_logger(__name__)

_START: Mapping[str, float] = {"BTC-USD": 60_000.0, "ETH-USD": 3_000.0, "SOL-USD": 150.0}
_OTHERS = 100.0
_STEP = 0.0005  # standard deviation of a price's relative move
_REREAD = 10  # ticks after which positions are read again, also if nothing was filled here


class Exchange:
    def __init__(self, settings: Settings, store: Store, bus: Bus, orders: Orders, faults: Faults) -> None:
        self._settings, self._store, self._bus, self._orders, self._faults = settings, store, bus, orders, faults
        self._random = random.Random()  # noqa: S311 - prices, not secrets
        self._prices = {market: _START.get(market, _OTHERS) for market in settings.markets}
        self._running: bool | None = None
        self._positions: Mapping[str, Position] = {}
        self.stale = True

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``, never in the middle of a tick. What fails is told and tried again: orders wait, prices stand still."""
        while not stop.is_set():
            try:
                async with self._store.exchange_lock() as ours:
                    tick = 0
                    while ours() and not stop.is_set():
                        await self._tick(reread=tick % _REREAD == 0)
                        self._told(running=True)
                        tick += 1
                        await _pause(stop, self._settings.price_interval)
            except Exception as error:
                self._told(running=False, error=error)
            await _pause(stop, 1)

    def _told(self, running: bool, error: Exception | None = None) -> None:
        """Each change once: an outage is one line and not one a second."""
        if running == self._running:
            return
        self._running = running
        if running:
            logger.info("exchange_runs", markets=list(self._prices))
        else:
            logger.error("exchange_stopped", exc_info=error)

    async def _tick(self, reread: bool) -> None:
        for product in self._prices:
            if self._faults.active("feed_frozen", product):
                continue
            self._prices[product] *= 1 + self._random.gauss(0, _STEP)
            await self._bus.publish("price_update", {"product": product, "price": self._prices[product]})
            await self._orders.tell(await self._store.fill(product, self._prices[product]))
        if self.stale or reread:
            self.stale = False
            self._positions = await self._store.positions()
        await self._tell_positions()

    async def _tell_positions(self) -> None:
        nothing = Position(size=0.0, day_size=0.0, day_cash=0.0)
        for product, price in self._prices.items():
            if self._faults.active("exposure_frozen", product):
                continue
            size = self._positions.get(product, nothing).size
            event = {"product": product, "position": size, "exposure": size * price}
            await self._bus.publish("exposure_update", event)
        pnl = sum(
            position.day_cash + position.day_size * self._prices.get(product, 0.0)
            for product, position in self._positions.items()
        )
        await self._bus.publish("pnl_update", {"daily_pnl": pnl, "open_orders": await self._store.open_orders()})


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
