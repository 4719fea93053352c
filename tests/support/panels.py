"""The dashboards that ship, taken apart for the tests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog import load_dashboards

ROOT = Path(__file__).parents[2]
DASHBOARDS = {file.name: json.loads(file.text) for file in load_dashboards(ROOT / "dashboards")}


@dataclass(frozen=True)
class Panel:
    """A panel of a dashboard, and the dashboard's file name."""

    file: str
    model: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.file}: {self.model.get('title')}"


@dataclass(frozen=True)
class Target:
    """A query of a panel."""

    panel: Panel
    source: str
    expr: str
    legend: str


def panels() -> Iterator[Panel]:
    """Every panel that shows data; those inside collapsed rows too."""
    for file, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for each in [panel, *panel.get("panels", ())]:
                if each["type"] != "row":
                    yield Panel(file, each)


def targets(source: str) -> Iterator[Target]:
    """Every query to a data source, by its uid."""
    for panel in panels():
        for target in panel.model["targets"]:
            if target["datasource"]["uid"] == source:
                yield Target(panel, source, target["expr"], target.get("legendFormat", ""))
