"""The dashboards that ship, taken apart for the tests."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from catalog import load_dashboards
from catalog.log_stores import LogStore

ROOT = Path(__file__).parents[2]


@cache
def dashboards_of(store: LogStore | None) -> Mapping[str, Any]:
    """The dashboards beside this log store, by file name."""
    return {file.name: json.loads(file.text) for file in load_dashboards(ROOT / "dashboards", store)}


DASHBOARDS = dashboards_of("loki")


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


def panels(store: LogStore | None = "loki") -> Iterator[Panel]:
    """Every panel that shows data; those inside collapsed rows too."""
    for file, dashboard in dashboards_of(store).items():
        for panel in dashboard["panels"]:
            for each in [panel, *panel.get("panels", ())]:
                if each["type"] != "row":
                    yield Panel(file, each)


def targets(source: str, store: LogStore | None = "loki") -> Iterator[Target]:
    """Every query to a data source, by its uid."""
    for panel in panels(store):
        for target in panel.model["targets"]:
            if target["datasource"]["uid"] == source:
                yield Target(panel, source, target["expr"], target.get("legendFormat", ""))
