"""What a worker knows by the events that it heard, shown as gauges.

The kill switch begins at off and changes only by an event, as the platform's does: off does not mean safe while no event arrives.
"""

from dataclasses import dataclass, field

import structlog

from workers import metrics
from workers.bus import Event

logger = structlog.get_logger(__name__)


@dataclass
class State:
    """``prices`` in quote currency by product."""

    kill_switch: bool = False
    daily_pnl: float = 0.0
    prices: dict[str, float] = field(default_factory=dict)

    def hear(self, topic: str, event: Event) -> None:
        match topic:
            case "price_update":
                self.prices[event["product"]] = event["price"]
                metrics.LAST_PRICE.labels(event["product"]).set(event["price"])
            case "exposure_update":
                metrics.EXPOSURE.labels(event["product"]).set(event["exposure"])
            case "pnl_update":
                self.daily_pnl = event["daily_pnl"]
                metrics.DAILY_PNL.set(event["daily_pnl"])
                metrics.OPEN_ORDERS.set(event["open_orders"])
            case "order_update":
                metrics.OPEN_ORDERS.set(event["open_orders"])
            case "kill_switch":
                self.kill_switch = bool(event["engaged"])
                metrics.KILL_SWITCH.set(self.kill_switch)
                logger.warning("kill_switch", engaged=self.kill_switch, reason=event.get("reason"))
