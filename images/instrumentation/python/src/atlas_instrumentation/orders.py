"""How long orders take: ``atlas_order_processing_seconds{outcome}``, by a decorator or by the names of spans."""

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast, overload

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode

NAME = "atlas_order_processing_seconds"
OUTCOME = "order.outcome"
"""Attribute of a span that tells the outcome; without it a span that failed is ``error`` and any other one ``done``."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
F = TypeVar("F", bound=Callable[..., Any])


class _Ours:
    """The histogram, made when it is first needed. A host that has a metric of that name measures by itself, and is left alone."""

    def __init__(self) -> None:
        self._histogram: Any = None

    def observe(self, outcome: str, seconds: float) -> None:
        if self._histogram is None:
            from prometheus_client import REGISTRY, Histogram

            # The registry has no public question for what is in it by name.
            if NAME in REGISTRY._names_to_collectors:
                return
            self._histogram = Histogram(NAME, "From taking an order up to its outcome.", ["outcome"], buckets=BUCKETS)
        self._histogram.labels(outcome).observe(seconds)


_ours = _Ours()


@contextlib.contextmanager
def _timed() -> Iterator[Callable[[str], None]]:
    """Gives what is to be told the outcome; an exception inside is an outcome by itself, and goes on its way."""
    begun = time.perf_counter()

    def ended(outcome: str) -> None:
        _ours.observe(outcome, time.perf_counter() - begun)

    try:
        yield ended
    except BaseException:
        ended("error")
        raise


@overload
def order_processing(function: F, /) -> F: ...
@overload
def order_processing(*, outcome: Callable[[Any], str]) -> Callable[[F], F]: ...
def order_processing(function: Any = None, /, *, outcome: Callable[[Any], str] = lambda _result: "done") -> Any:
    """Measure each call of ``function``, plain or a coroutine's. ``outcome`` names how it ended from what it returned.

    An exception's outcome is ``error``, and it goes on its way.
    """
    if function is None:
        return functools.partial(order_processing, outcome=outcome)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def measured(*args: Any, **kwargs: Any) -> Any:
            with _timed() as ended:
                result = await function(*args, **kwargs)
            ended(outcome(result))
            return result

    else:

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with _timed() as ended:
                result = function(*args, **kwargs)
            ended(outcome(result))
            return result

    return cast("Any", measured)


class OrderSpans(SpanProcessor):
    """Measures spans of these names, in services that know no decorator of ours."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Nothing: only its end tells."""

    def on_end(self, span: ReadableSpan) -> None:
        if span.name not in self._names or not span.end_time or not span.start_time:
            return
        failed = span.status.status_code is StatusCode.ERROR
        stated = (span.attributes or {}).get(OUTCOME)
        _ours.observe(str(stated or ("error" if failed else "done")), (span.end_time - span.start_time) / 1e9)

    def shutdown(self) -> None:
        """Nothing is kept."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True
