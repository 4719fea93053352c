"""The gateway's overlays, and the choices of them that settings can lead to."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from catalog.collector_config import merge_configs

FOLDER = Path(__file__).parents[2] / "config/collector"
STANDALONE = {"agent.yaml", "gateway.yaml"}
EITHER: tuple[tuple[tuple[str, ...], ...], ...] = (
    ((), ("metrics-replica",)),
    ((), ("traces-external",), ("traces-external", "traces-token")),
    ((), ("logs-otlp",), ("logs-otlp", "logs-otlp-token")),
    ((), ("logs-elasticsearch",), ("logs-elasticsearch", "logs-elasticsearch-token")),
)
"""Of each line one is chosen, in the order in which the program merges them."""


def choices() -> dict[str, tuple[str, ...]]:
    """Every set of overlays that goes together, by a name."""
    found = [tuple(name for names in chosen for name in names) for chosen in product(*EITHER)]
    most = max(found, key=len)
    return {"everything" if chosen == most else " ".join(chosen) or "nothing": chosen for chosen in found}


CHOICES = choices()
OURS = {name: chosen for name, chosen in CHOICES.items() if "logs-elasticsearch" not in chosen}
"""What our own distribution can run: Elasticsearch's exporter is in the upstream one alone."""


def texts(chosen: Sequence[str]) -> list[str]:
    """The files, the gateway's own first."""
    return [(FOLDER / f"{name}.yaml").read_text() for name in ("gateway", *chosen)]


def merged_choice(chosen: Sequence[str]) -> str:
    return merge_configs(texts(chosen))
