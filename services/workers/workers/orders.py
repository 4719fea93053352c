"""Orders from the bus: judged, recorded, and filled at once where the price allows it."""

import time
import uuid
from collections.abc import Iterable

import structlog

from workers import metrics
from workers.bus import Bus, Event
from workers.faults import Faults
from workers.risk import Judgement, Order, Situation, refusal
from workers.settings import Settings
from workers.state import State
from workers.store import Row, Store

logger = structlog.get_logger(__name__)


class Orders:
    def __init__(self, settings: Settings, store: Store, bus: Bus, state: State, faults: Faults) -> None:
        self._settings, self._store, self._bus, self._state, self._faults = settings, store, bus, state, faults

    async def request(self, event: Event) -> None:
        """Handle an ``order_request``. Several workers hear it; the one that records it goes on."""
        began = time.perf_counter()
        outcome = "failed"
        with structlog.contextvars.bound_contextvars(
            trade_id=event.get("order_id"), user_id=event.get("user_id"), request_id=event.get("request_id")
        ):
            try:
                outcome = await self._handle(read(event))
            finally:
                if outcome:
                    metrics.ORDER_SECONDS.labels(outcome).observe(time.perf_counter() - began)

    async def _handle(self, order: Order) -> str | None:
        def judge(open_orders: int, orders_last_minute: int) -> Judgement:
            now = Situation(
                kill_switch=self._state.kill_switch and not self._faults.active("kill_switch_fails"),
                last_price=self._state.prices.get(order.product),
                open_orders=open_orders,
                orders_last_minute=orders_last_minute,
                daily_pnl=self._state.daily_pnl,
            )
            reason = refusal(order, now, self._settings.limits, self._settings.markets)
            return Judgement(refusal=reason, price=now.last_price)

        placed = await self._store.place(order, judge)
        if placed is None:
            return None
        told = {"product": order.product, "side": order.side, "size": order.size}
        if placed["status"] == "refused":
            logger.warning("order_refused", **told, reason=placed["reason"])
        elif placed["status"] == "open":
            logger.info("order_open", **told, price=order.price)
        await self.tell([placed])
        return placed["status"]

    async def tell(self, orders: Iterable[Row]) -> None:
        """Publish what became of each, and log those that were filled or cancelled."""
        for order in orders:
            status, trade = order["status"], str(order["id"])
            told = {key: order.get(key) for key in ("user_id", "product", "side", "size", "reason")}
            price = order.get("fill_price") or order.get("price")
            if status in ("filled", "cancelled"):
                logger.info(f"order_{status}", **{**told, "trade_id": trade, "price": price})
            open_orders = await self._store.open_orders()
            update = {**told, "order_id": trade, "price": price, "status": status, "open_orders": open_orders}
            await self._bus.publish("order_update", update)

    async def kill_switch(self, event: Event) -> None:
        """Withdraw every open order once the switch is engaged."""
        if event["engaged"] and not self._faults.active("kill_switch_fails"):
            await self.tell(await self._store.cancel_all("kill switch engaged"))


def read(event: Event) -> Order:
    """The order of an event.

    Raises:
        ValueError: names the first member that is missing or wrong.
    """
    try:
        order = Order(
            order_id=str(uuid.UUID(event["order_id"])),
            user_id=str(event["user_id"]),
            request_id=event.get("request_id"),
            product=str(event["product"]),
            side=event["side"],
            size=float(event["size"]),
            price=None if event.get("price") is None else float(event["price"]),
        )
    except KeyError as missing:
        raise ValueError(f"an order needs {missing}") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"an order's member has the wrong type: {error}") from None
    if order.side not in ("buy", "sell"):
        raise ValueError(f"side={order.side!r}: an order buys or sells")
    if not 0 < order.size < float("inf") or (order.price is not None and not 0 < order.price < float("inf")):
        raise ValueError("size and price of an order are finite and above 0")
    return order
