"""The PromQL that recurs in dashboards. In an expression `SCOPE` stands for the chosen environment and service,
`PLACE` for the environment alone; the panels put the variables in. `PUSHED_SCOPE` and `PUSHED_PLACE` are the same for
what comes by OTLP, whose labels are resource attributes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """One expression and how its series are named; `exemplars` adds the traces behind a histogram's points."""

    expr: str
    legend: str = ""
    exemplars: bool = False


# As in the alerts: an event stream's duration is no latency, and 4xx and 5xx are failures.
NO_STREAMS = 'route!~"/api/streams(/.*)?"'
FAILED = 'status=~"[45].."'


def rate(series: str, by: str = "", where: str = "", *, scope: str = "SCOPE", over: str = "$__rate_interval") -> str:
    """What a counter grows by in a second, summed by the labels."""
    return f"{_sum(by)}(rate({_selected(series, where, scope)}[{over}]))"


def increase(series: str, by: str = "", where: str = "", *, scope: str = "SCOPE", over: str = "$__range") -> str:
    """What a counter has grown by in the chosen time, summed by the labels."""
    return f"{_sum(by)}(increase({_selected(series, where, scope)}[{over}]))"


def over_runs(series: str, by: str = "", *, over: str = "$__range") -> str:
    """What jobs that push their own counters have counted in the chosen time.

    Each run has series of its own that begin at zero, so their highest values add up to the exact number, where `increase`
    guesses beyond the first and last sample.
    """
    return f"{_sum(by)}(max_over_time({_selected(series, '', 'PUSHED_SCOPE')}[{over}]))"


def quantile(
    share: float, series: str, by: str = "", where: str = "", *, scope: str = "SCOPE", over: str = "$__rate_interval"
) -> str:
    """The value that this share of a histogram's observations stays below, over all pods."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(series, labels, where, scope=scope, over=over)})"


def ratio(part: str, whole: str) -> str:
    """Part of the whole, with no value where the whole is zero."""
    return f"{part} / ({whole} > 0)"


def _selected(series: str, where: str, scope: str) -> str:
    conditions = ", ".join(condition for condition in (scope, where) if condition)
    return f"{series}{{{conditions}}}" if conditions else series


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
