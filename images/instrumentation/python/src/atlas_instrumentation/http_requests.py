"""What every HTTP service counts, whichever server it runs on, and the id of a request.

A request counts once, when its answer is complete. What a client did not wait for counts as 499 and is no failure of the service.
Neither that is timed nor what lasts as long as somebody listens: event streams and websockets.
"""

import logging
import os
import random
import re
import threading
from typing import Any

logger = logging.getLogger(__name__)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds; 0.2 is the guide's limit for the 95th percentile."""
SWITCHED, CLIENT_LEFT, FAILED = 101, 499, 500
UNTIMED = frozenset({SWITCHED, CLIENT_LEFT})
EVENT_STREAM = "text/event-stream"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LABELS = ["method", "route", "status"]
_NAMES = frozenset({"http_requests", "http_requests_total", "http_request_duration_seconds"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class Requests:
    """The two metrics, made at the first request; those of a host that counts by itself are left alone."""

    def __init__(self) -> None:
        # Not before: a host may choose how its metrics are kept until it imports their library.
        from prometheus_client import REGISTRY, Counter, Histogram

        # The registry has no public question for what is in it by name.
        taken = _NAMES & REGISTRY._names_to_collectors.keys()
        self._counter = self._histogram = None
        if not taken:
            self._counter = Counter("http_requests_total", "Requests, by how they were answered.", _LABELS)
            self._histogram = Histogram(
                "http_request_duration_seconds", "Until the answer was complete.", _LABELS, buckets=BUCKETS
            )
            self._withdraw_for_hosts(REGISTRY)

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """``route`` is the path's pattern; ``seconds`` is None where they are no latency."""
        counter, histogram = self._counter, self._histogram
        if counter is None or histogram is None:
            return
        labels = (method if method in METHODS else "other", route, str(status))
        try:
            counter.labels(*labels).inc()
            if seconds is not None and status not in UNTIMED:
                histogram.labels(*labels).observe(seconds)
        except Exception as error:  # a folder of PROMETHEUS_MULTIPROC_DIR that is not there, or a full disk
            self._counter = self._histogram = None
            logger.warning("requests are not counted: %s: %s", type(error).__name__, error)

    def _withdraw_for_hosts(self, registry: Any) -> None:
        """A host that makes metrics of these names later finds them free."""
        register = registry.register

        def registering(collector: Any) -> None:
            ours = (self._counter, self._histogram)
            if collector not in ours and self._counter and _NAMES & set(registry._get_names(collector)):
                self._counter = self._histogram = None
                for each in ours:
                    registry.unregister(each)
            register(collector)

        registry.register = registering


def requests() -> Requests:
    """Those of this process, whichever servers it has. The first two requests may well come at the same time."""
    global _requests
    if _requests is None:
        with _making:
            if _requests is None:
                _requests = Requests()
    return _requests


def _forked() -> None:
    global _making
    _making = threading.Lock()


_requests: Requests | None = None
_making = threading.Lock()
os.register_at_fork(after_in_child=_forked)


def request_id(given: str | None) -> str:
    """What the caller calls the request, if that fits on a line; else an id of our own."""
    return given if given and _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
