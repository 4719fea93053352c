"""Waiting for something to become true, with a time limit."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float, every: float = 0.1) -> bool:
    """Ask again and again until ``condition`` holds. False when it still does not after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True
