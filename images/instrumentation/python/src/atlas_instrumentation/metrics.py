"""prometheus_client's own registry at ``/metrics`` on a port of its own."""

from collections.abc import Callable
from typing import Any

import wrapt

from atlas_instrumentation.family import Family, give_way
from atlas_instrumentation.lines import Lines, exemplar
from atlas_instrumentation.settings import Settings


def configure(settings: Settings, lines: Lines, *, serve: bool) -> Callable[[], None]:
    """What is to be done at the end of the process. A host may choose how its metrics are kept until it imports their library."""
    wrapt.register_post_import_hook(_lead_to_traces, "prometheus_client")
    if not serve or settings.metrics_port is None:
        return lambda: None
    family = Family(settings.metrics_port, lines)
    if family.begin():
        give_way(family, settings.metrics_port)
    return family.finish


def _lead_to_traces(module: Any) -> None:
    wrapt.wrap_function_wrapper(module, "Histogram.observe", _observed_in_trace)


def _observed_in_trace(observe: Any, _histogram: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What a histogram of ours or of the host's observes leads to the trace that it was observed in."""
    if len(args) < 2 and "exemplar" not in kwargs and (found := exemplar()):
        kwargs["exemplar"] = found
    observe(*args, **kwargs)
