"""The platform's workers: orders, risk limits, the kill switch and a paper exchange, on an event bus."""
