"""Waiting for what comes in a moment."""

import http.client
import time
from collections import Counter
from collections.abc import Callable
from typing import Any


def wait_until(
    condition: Callable[[], Any], seconds: float = 30, what: str | Callable[[], str] = "it", every: float = 0.05
) -> Any:
    """What ``condition`` returns once that is true; an AssertionError says ``what`` it was after ``seconds``.

    A server that refuses, breaks off or keeps silent is not there yet. What it did last is the cause of the AssertionError.
    """
    end = time.monotonic() + seconds
    while True:
        failed: Exception | None = None
        try:
            if result := condition():
                return result
        except (OSError, http.client.HTTPException) as error:
            failed = error
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for {what() if callable(what) else what}") from failed
        time.sleep(every)


def comes_true(condition: Callable[[], Any], seconds: float) -> bool:
    """Whether it does in time: for a drill, which judges by itself."""
    try:
        return bool(wait_until(condition, seconds))
    except AssertionError:
        return False


def settle(arrived: Callable[[], Counter[str]], complete: Callable[[Counter[str]], bool], seconds: float = 60) -> None:
    """Wait until all is there, or is not going to be, and nothing more comes: what was refused may come again seconds later."""
    count, since, end = -1, time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < end:
        found = arrived()
        if found.total() != count:
            count, since = found.total(), time.monotonic()
        if time.monotonic() - since > (4 if complete(found) else 10):
            return
        time.sleep(0.1)
