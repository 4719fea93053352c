"""Everything that the program ships as a file, read and checked in one go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.catalog.dashboards import load_dashboards
from components.catalog.files import text_of
from components.catalog.problems import CatalogError, Problem
from components.catalog.rules import load_rules

CONFIG = {
    "collector": "collector/gateway.yaml",
    "jaeger": "jaeger/jaeger.yaml",
    "loki": "loki/loki.yaml",
    "prometheus": "prometheus/prometheus.yaml",
    "grafana": "grafana/grafana.ini",
    "datasources": "grafana/datasources.yaml",
    "providers": "grafana/dashboards.yaml",
}


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Texts as they ship. `rules` by file name, `dashboards` by name without ending, the others as in `CONFIG`."""

    rules: Mapping[str, str]
    dashboards: Mapping[str, str]
    collector: str
    jaeger: str
    loki: str
    prometheus: str
    grafana: str
    datasources: str
    providers: str


def load_catalog(root: Path) -> Catalog:
    """The catalogue of the repository at `root`, or one `CatalogError` with the problems of all its folders."""
    problems: list[Problem] = []
    rules: dict[str, str] = {}
    dashboards: dict[str, str] = {}
    try:
        rules = {file.name: file.text for file in load_rules(root / "rules")}
    except CatalogError as error:
        problems.extend(error.problems)
    try:
        dashboards = {file.name.removesuffix(".json"): file.text for file in load_dashboards(root / "dashboards")}
    except CatalogError as error:
        problems.extend(error.problems)
    config: dict[str, str] = {}
    for name, file in CONFIG.items():
        path = root / "config" / file
        if not path.is_file():
            problems.append(Problem(f"config/{file}", "the file is missing", "restore it from version control"))
            continue
        config[name] = text_of(path, problems) or ""
    if problems:
        raise CatalogError(problems)
    return Catalog(rules=rules, dashboards=dashboards, **config)
