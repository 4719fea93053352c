"""What one process counted, in a form that another one can add up: ``[name, type, help, unit, mode, samples]`` for each metric.

A sample is ``[name, labels, value, exemplar]``, where an exemplar is ``[labels, value, seconds]`` or None. A forked process
tells what it counted itself: what it has from its parent, its parent tells.
"""

import itertools
import sys
import threading
from typing import Any

Metrics = list[list[Any]]
ADDED = frozenset({"counter", "histogram", "summary", "gaugehistogram"})


class Own:
    """What this process counted since it began."""

    def __init__(self) -> None:
        self._inherited: dict[Any, tuple[float, ...] | None] = {}
        self._collectors: set[Any] = set()

    def forked(self) -> None:
        """To be called in the child, before any other thread of it begins. No lock that another thread held stays locked."""
        self._inherited, self._collectors = {}, set()
        prometheus = _prometheus()
        if prometheus is None:
            return
        registry = prometheus.REGISTRY
        registry._lock = threading.Lock()
        shared = prometheus.values.ValueClass._multiprocess
        for collector in list(registry._collector_to_names):
            if not isinstance(collector, prometheus.metrics.MetricWrapperBase):
                self._collectors.add(collector)
                continue
            if shared:  # prometheus_client begins anew by itself
                continue
            if hasattr(collector, "_lock"):
                collector._lock = threading.Lock()
            for _, child in _children(collector):
                self._inherited[child] = _inherited(child)

    def told(self) -> Metrics:
        """Never fails: what cannot be read is left out."""
        prometheus = _prometheus()
        if prometheus is None:
            return []
        found: Metrics = []
        for collector in list(prometheus.REGISTRY._collector_to_names):
            try:
                if isinstance(collector, prometheus.metrics.MetricWrapperBase):
                    found.extend(self._of_metric(collector))
                elif isinstance(collector, prometheus.ProcessCollector) or not (
                    collector in self._collectors
                    or isinstance(collector, (prometheus.GCCollector, prometheus.PlatformCollector))
                ):
                    found.extend(_of_collector(collector))
            except Exception:  # noqa: S112 - a host's collector may raise anything
                continue
        return found

    def _of_metric(self, metric: Any) -> Metrics:
        samples: list[list[Any]] = []
        for labels, child in _children(metric):
            before: list[float] = []
            if child in self._inherited:
                numbers = self._inherited[child]
                if numbers is None or numbers == tuple(cell._value for cell in _cells(child)):
                    continue
                if metric._type in ADDED:
                    before = _sampled(child, numbers)
                else:
                    del self._inherited[child]  # its own from now on, also when it has that value again
            for position, sample in enumerate(child._child_samples()):
                less = before[position] if before and sample.name != "_created" else 0
                if less > sample.value and sample.name != "_sum":
                    less = 0  # the host has set it back
                samples.append(
                    [
                        metric._name + sample.name,
                        {**labels, **sample.labels},
                        sample.value - less,
                        _plain(sample.exemplar),
                    ]
                )
        if not samples:
            return []
        mode = getattr(metric, "_multiprocess_mode", "")
        return [[metric._name, metric._type, metric._documentation, metric._unit, mode, samples]]


def _prometheus() -> Any:
    """Only if the host, or what counts its requests, has imported it."""
    module = sys.modules.get("prometheus_client")
    return module if module is not None and hasattr(module, "ProcessCollector") else None


def _children(metric: Any) -> list[tuple[dict[str, str], Any]]:
    """A metric with labels has a child for each combination of them."""
    if not metric._is_parent():
        return [({}, metric)]
    return [
        (dict(zip(metric._labelnames, values, strict=False)), child) for values, child in list(metric._metrics.items())
    ]


def _cells(child: Any) -> list[Any]:
    """What prometheus_client keeps its numbers in."""
    cells = [getattr(child, name, None) for name in ("_value", "_count", "_sum")]
    return [*getattr(child, "_buckets", ()), *(cell for cell in cells if hasattr(cell, "_lock"))]


def _inherited(child: Any) -> tuple[float, ...] | None:
    """Its numbers, without its locks; None for one that asks a function of the host's, which is not called here.

    Samples would take ten times as long, and a process may have thousands at each fork.
    """
    if "_lock" in vars(child):
        child._lock = threading.Lock()
    cells = _cells(child)
    for cell in cells:
        if cell._lock.locked():
            cell._lock = threading.Lock()
    return None if "_child_samples" in vars(child) else tuple(cell._value for cell in cells)


def _sampled(child: Any, numbers: tuple[float, ...]) -> list[float]:
    """In the order of its samples: a histogram's buckets are added up there, and their sum is its count."""
    buckets = len(getattr(child, "_buckets", ()))
    if not buckets:
        return list(numbers)
    whole = list(itertools.accumulate(numbers[:buckets]))
    return [*whole, whole[-1], *numbers[buckets:]]


def _of_collector(collector: Any) -> Metrics:
    return [
        [
            metric.name,
            metric.type,
            metric.documentation,
            metric.unit,
            "",
            [[sample.name, sample.labels, sample.value, _plain(sample.exemplar)] for sample in metric.samples],
        ]
        for metric in collector.collect()
    ]


def _plain(exemplar: Any) -> list[Any] | None:
    return [exemplar.labels, exemplar.value, exemplar.timestamp] if exemplar else None
