"""The table of emitted series."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

TABLE = yaml.safe_load((Path(__file__).parent / "emitted_series.yaml").read_text())
EMITTERS = TABLE["emitters"]


def own_series(emitter: Mapping[str, Any]) -> dict[str, set[str]]:
    """The series of an emitter with the labels that it gives them itself; of a histogram its three."""
    own = {name: set(labels) for name, labels in emitter["series"].items()}
    for name, labels in emitter.get("histograms", {}).items():
        own |= {f"{name}_bucket": {*labels, "le"}, f"{name}_sum": set(labels), f"{name}_count": set(labels)}
    return own
