"""Everything that the program ships as a file, read and checked in one go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.dashboards import load_dashboards
from catalog.files import text_of
from catalog.issues import CatalogError, Issue
from catalog.log_stores import LogStore, data_sources_for
from catalog.rules import load_rules

CONFIG = (
    "alertmanager/alertmanager.yaml",
    "blackbox/blackbox.yaml",
    "collector/agent-upstream.yaml",
    "collector/agent.yaml",
    "collector/gateway-upstream.yaml",
    "collector/gateway.yaml",
    "collector/logs-elasticsearch-token.yaml",
    "collector/logs-elasticsearch.yaml",
    "collector/logs-external-token.yaml",
    "collector/logs-external.yaml",
    "collector/logs-otlp-token.yaml",
    "collector/logs-otlp.yaml",
    "collector/logs-victorialogs-upstream.yaml",
    "collector/logs-victorialogs.yaml",
    "collector/metrics-replica.yaml",
    "collector/traces-external.yaml",
    "collector/traces-token.yaml",
    "grafana/dashboards.yaml",
    "grafana/datasources.yaml",
    "grafana/grafana.ini",
    "jaeger/jaeger.yaml",
    "loki/loki.yaml",
    "prometheus/prometheus.yaml",
    "rabbitmq/enabled_plugins",
    "rabbitmq/rabbitmq.conf",
)
"""What the components mount, below ``config/``."""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Texts as they ship. ``rules`` by file name, ``dashboards`` by name without ending, ``config`` by path below ``config/``."""

    rules: Mapping[str, str]
    dashboards: Mapping[str, str]
    config: Mapping[str, str]

    def folder(self, name: str) -> dict[str, str]:
        """The configuration files of one folder, by file name."""
        return {path.partition("/")[2]: text for path, text in self.config.items() if path.startswith(f"{name}/")}


def load_catalog(root: Path, log_store: LogStore | None = "loki") -> Catalog:
    """The catalogue of the repository at ``root``, or one ``CatalogError`` with the problems of all its folders.

    ``log_store`` says by whose API Grafana asks for logs; dashboards and data sources are for that one.
    """
    problems: list[Issue] = []
    rules: dict[str, str] = {}
    dashboards: dict[str, str] = {}
    try:
        rules = {file.name: file.text for file in load_rules(root / "rules")}
    except CatalogError as error:
        problems.extend(error.issues)
    try:
        dashboards = {
            file.name.removesuffix(".json"): file.text for file in load_dashboards(root / "dashboards", log_store)
        }
    except CatalogError as error:
        problems.extend(error.issues)
    config: dict[str, str] = {}
    for file in CONFIG:
        path = root / "config" / file
        if not path.is_file():
            problems.append(Issue(f"config/{file}", "the file is missing", "restore it from version control"))
            continue
        config[file] = text_of(path, problems) or ""
    if problems:
        raise CatalogError(problems)
    sources = "grafana/datasources.yaml"
    config[sources] = data_sources_for(config[sources], log_store)
    return Catalog(rules=rules, dashboards=dashboards, config=config)
