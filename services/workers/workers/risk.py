"""The limits that an order has to pass. Pure: what is, is given."""

from dataclasses import dataclass

from workers.settings import Limits


@dataclass(frozen=True, kw_only=True)
class Order:
    """``price`` is a limit in quote currency, or None for a market order; ``size`` is in base currency."""

    order_id: str
    user_id: str
    request_id: str | None
    product: str
    side: str
    size: float
    price: float | None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """``last_price`` is None before the first; ``daily_pnl`` is in quote currency."""

    kill_switch: bool
    last_price: float | None
    open_orders: int
    orders_last_minute: int
    daily_pnl: float


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Why the order may not be placed, or None; and the price of the moment in quote currency, which a placed one always has."""

    refusal: str | None
    price: float | None


def refusal(order: Order, now: Situation, limits: Limits, markets: tuple[str, ...]) -> str | None:
    """Why the order may not be placed; None if it may."""
    if now.kill_switch:
        return "kill switch engaged"
    if order.product not in markets:
        return "market not allowed"
    if now.last_price is None:
        return "no price yet"
    if order.size * (order.price or now.last_price) > limits.max_order_notional:
        return "order notional over limit"
    if now.orders_last_minute >= limits.max_orders_per_minute:
        return "too many orders a minute"
    if now.open_orders >= limits.max_open_orders:
        return "too many open orders"
    if now.daily_pnl <= -limits.daily_max_loss:
        return "daily loss limit reached"
    return None
