"""The overlays of gateway and agent, and the choices of them that settings can lead to."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from catalog.collector_config import merge_configs

FOLDER = Path(__file__).parents[2] / "config/collector"
STANDALONE = {"agent.yaml", "agent-upstream.yaml", "gateway.yaml"}
EITHER: tuple[tuple[tuple[str, ...], ...], ...] = (
    ((), ("metrics-replica",)),
    ((), ("traces-external",), ("traces-external", "traces-token")),
    (
        (),
        ("logs-otlp",),
        ("logs-otlp", "logs-otlp-token"),
        ("logs-external",),
        ("logs-external", "logs-external-token"),
    ),
    ((), ("logs-elasticsearch",), ("logs-elasticsearch", "logs-elasticsearch-token")),
)
"""Of each line one is chosen, in the order in which the program merges them."""
VICTORIALOGS = "logs-victorialogs"
"""Merged after ``metrics-replica``. It is tried with nothing else and with everything else."""
UPSTREAM = "gateway-upstream"
"""Merged first of all. It is tried with nothing else, with VictoriaLogs and with everything else."""
UPSTREAM_VICTORIALOGS = "logs-victorialogs-upstream"


def choices() -> dict[str, tuple[str, ...]]:
    """Every set of overlays that goes together, by a name."""
    found = [tuple(name for names in chosen for name in names) for chosen in product(*EITHER)]
    ours, all_of_them = (
        max((each for each in found if "logs-otlp" in each and kept(each)), key=len) for kept in (_ours, bool)
    )
    found += [(VICTORIALOGS,), *((first, VICTORIALOGS, *rest) for first, *rest in (ours, all_of_them))]
    most = found[-1]
    named = {"everything" if chosen == most else " ".join(chosen) or "nothing": chosen for chosen in found}
    for name in ("nothing", VICTORIALOGS, "everything"):
        named[f"{name}, upstream"] = upstream(named[name])
    return named


def upstream(chosen: Sequence[str]) -> tuple[str, ...]:
    """The same for the upstream image."""
    own = [each for name in chosen for each in ((name, UPSTREAM_VICTORIALOGS) if name == VICTORIALOGS else (name,))]
    return (UPSTREAM, *own)


def _ours(chosen: Sequence[str]) -> bool:
    return "logs-elasticsearch" not in chosen


CHOICES = choices()
OURS = {name: chosen for name, chosen in CHOICES.items() if _ours(chosen)}
"""What our own distribution can run: Elasticsearch's exporter is in the upstream one alone."""


def texts(chosen: Sequence[str]) -> list[str]:
    """The files, the gateway's own first."""
    return [(FOLDER / f"{name}.yaml").read_text() for name in ("gateway", *chosen)]


def merged_choice(chosen: Sequence[str]) -> str:
    return merge_configs(texts(chosen))


def upstream_agent() -> str:
    """The agent's configuration for the upstream image."""
    return merge_configs([(FOLDER / name).read_text() for name in ("agent.yaml", "agent-upstream.yaml")])
