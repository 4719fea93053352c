"""The metrics of several processes as one: what is counted is added up, and a gauge of another process has its ``pid``.

A host's own ``multiprocess_mode`` of a gauge (sum, min, max, mostrecent) holds as in prometheus_client's multiprocess mode.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from atlas_instrumentation.told import ADDED, Metrics

Key = tuple[str, tuple[tuple[str, str], ...]]
FOLDS: Mapping[str, Callable[[float, float], float]] = {
    "sum": lambda one, other: one + other,
    "max": max,
    "min": min,
    "mostrecent": lambda _one, other: other,
}


class Ended:
    """What processes that are gone have counted. Their gauges are gone with them."""

    def __init__(self) -> None:
        self._metrics: dict[str, list[Any]] = {}

    def add(self, told: Metrics) -> None:
        for name, kind, text, unit, mode, samples in told:
            if kind not in ADDED:
                continue
            into = self._metrics.setdefault(name, [name, kind, text, unit, mode, {}])[-1]
            for sample in samples:
                key = _key(sample[0], sample[1])
                into[key] = _sum(into[key], sample) if key in into else sample

    def told(self) -> Metrics:
        return [[*rest, list(samples.values())] for *rest, samples in self._metrics.values()]


def added(own: Iterable[Any], others: Iterable[tuple[int, Metrics]]) -> list[Any]:
    """``own`` are prometheus_client's metrics, ``others`` what processes by their number have told."""
    from prometheus_client.core import Metric

    metrics: dict[str, Any] = {metric.name: metric for metric in own}
    changed: dict[str, dict[Key, list[Any]]] = {}
    for pid, told in others:
        for name, kind, text, unit, mode, samples in told:
            metric = metrics.get(name)
            if metric is None:
                metric = metrics[name] = Metric(name, text, kind)
                metric.unit = unit
            elif metric.type != kind:
                continue
            if name not in changed:
                changed[name] = {_key(each.name, each.labels): _listed(each) for each in metric.samples}
            for sample in samples:
                _fold(changed[name], sample, kind, mode, pid)
    for name, samples in changed.items():
        whole = Metric(name, metrics[name].documentation, metrics[name].type)
        whole.unit = metrics[name].unit
        for sample_name, labels, value, exemplar in samples.values():
            whole.add_sample(sample_name, labels, value, exemplar=_exemplar(exemplar))
        metrics[name] = whole
    return list(metrics.values())


def _fold(into: dict[Key, list[Any]], sample: list[Any], kind: str, mode: str, pid: int) -> None:
    name, labels, value, exemplar = sample
    fold = FOLDS.get(mode.removeprefix("live"))
    if kind not in ADDED and kind != "info" and fold is None:
        labels = {"pid": str(pid), **labels}
    key = _key(name, labels)
    if key not in into:
        into[key] = [name, labels, value, exemplar]
    elif kind in ADDED:
        into[key] = _sum(into[key], sample)
    elif fold is not None:
        into[key] = [name, labels, fold(into[key][2], value), None]


def _sum(one: list[Any], other: list[Any]) -> list[Any]:
    name, labels, value, exemplar = one
    if name.endswith("_created"):
        return [name, labels, min(value, other[2]), None]
    newest = max((each for each in (exemplar, other[3]) if each), key=lambda each: each[2] or 0, default=None)
    return [name, labels, value + other[2], newest]


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))


def _listed(sample: Any) -> list[Any]:
    found = sample.exemplar
    return [sample.name, sample.labels, sample.value, [found.labels, found.value, found.timestamp] if found else None]


def _exemplar(told: list[Any] | None) -> Any:
    from prometheus_client.samples import Exemplar

    return Exemplar(*told) if told else None
