"""The events of the bus. Each is a JSON object with ``published_at``, Unix seconds of the publisher's clock.

order_request   api → workers     order_id, user_id, request_id, product, side, size, price (a limit, or null)
order_update    workers → all     order_id, user_id, product, side, size, price, status, reason, open_orders
price_update    exchange → all    product, price
exposure_update exchange → all    product, position, exposure
pnl_update      exchange → all    daily_pnl, open_orders
kill_switch     api → all         engaged, reason, user_id
fault           load driver → all kind, seconds, and what the kind needs; heard only with FAULTS=true
"""

TOPICS = ("order_request", "order_update", "price_update", "exposure_update", "pnl_update", "kill_switch", "fault")
