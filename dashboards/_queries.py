"""The PromQL that recurs in dashboards.

In an expression ``SERVICE_SELECTOR`` stands for the chosen environment and service, ``ENVIRONMENT_SELECTOR`` for the environment
alone; the panels put the variables in. ``OTLP_SERVICE_SELECTOR`` and ``OTLP_ENVIRONMENT_SELECTOR`` are the same for what comes by
OTLP, whose labels are resource attributes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """One expression and how its series are named; ``exemplars`` adds the traces behind a histogram's points."""

    expr: str
    legend: str = ""
    exemplars: bool = False


# As in the alerts: an event stream's duration is no latency, and 4xx and 5xx are failures, but not a client that left.
NO_STREAMS = 'route!~"/api/streams(/.*)?"'
FAILED = 'status=~"[45]..", status!="499"'


def rate(
    series: str, by: str = "", where: str = "", *, selector: str = "SERVICE_SELECTOR", over: str = "$__rate_interval"
) -> str:
    """What a counter grows by in a second, summed by the labels."""
    return f"{_sum(by)}(rate({_selected(series, where, selector)}[{over}]))"


def increase(
    series: str, by: str = "", where: str = "", *, selector: str = "SERVICE_SELECTOR", over: str = "$__range"
) -> str:
    """What a counter has grown by in the chosen time, summed by the labels."""
    return f"{_sum(by)}(increase({_selected(series, where, selector)}[{over}]))"


def over_runs(series: str, by: str = "", *, over: str = "$__range") -> str:
    """What jobs that push their own counters have counted in the chosen time.

    Each run has series of its own that begin at zero, so their highest values add up to the exact number, where ``increase``
    guesses beyond the first and last sample.
    """
    return f"{_sum(by)}(max_over_time({_selected(series, '', 'OTLP_SERVICE_SELECTOR')}[{over}]))"


def quantile(
    share: float,
    series: str,
    by: str = "",
    where: str = "",
    *,
    selector: str = "SERVICE_SELECTOR",
    over: str = "$__rate_interval",
) -> str:
    """The value that this share of a histogram's observations stays below, over all pods."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(series, labels, where, selector=selector, over=over)})"


def ratio(part: str, whole: str) -> str:
    """Part of the whole, with no value where the whole is zero."""
    return f"{part} / ({whole} > 0)"


def _selected(series: str, where: str, selector: str) -> str:
    conditions = ", ".join(condition for condition in (selector, where) if condition)
    return f"{series}{{{conditions}}}" if conditions else series


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
