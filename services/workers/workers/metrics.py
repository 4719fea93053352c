"""The workers' series. Amounts are in quote currency, times in seconds."""

from prometheus_client import Counter, Gauge, Histogram

from workers.topics import TOPICS

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

EXPOSURE = Gauge("atlas_exposure", "Position at its last price, short ones below 0.", ["product"])
LAST_PRICE = Gauge("atlas_last_price", "Last price that the feed gave.", ["product"])
OPEN_ORDERS = Gauge("atlas_open_orders", "Orders that wait for their price.")
DAILY_PNL = Gauge("atlas_daily_pnl", "Result since midnight UTC, at last prices.")
KILL_SWITCH = Gauge("atlas_kill_switch", "1 while the kill switch is engaged, as far as this worker has heard.")
PUBLISHED = Counter("atlas_events_published", "Events given to the bus.", ["topic"])
CONSUMED = Counter("atlas_events_consumed", "Events from the bus that were handled.", ["topic"])
LAG = Histogram("atlas_event_bus_lag_seconds", "Age of an event when it is handled.", ["topic"], buckets=_SECONDS)
ORDER_SECONDS = Histogram(
    "atlas_order_processing_seconds", "From taking an order up to its outcome.", ["outcome"], buckets=_SECONDS
)

OUTCOMES = ("filled", "open", "refused", "failed")

# From the start: a rate needs a first sample, and an absent series is an alert.
for topic in TOPICS:
    PUBLISHED.labels(topic)
    CONSUMED.labels(topic)
    LAG.labels(topic)
for outcome in OUTCOMES:
    ORDER_SECONDS.labels(outcome)
