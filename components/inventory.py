"""Which workloads an environment has, and which of them run: asked by the network and by the alerts on what is absent."""

import re
from collections.abc import Mapping

from components.platform_services import DATA_PORTS, DEPLOYMENTS
from settings.model import Settings

Workloads = frozenset[tuple[str, str]]
"""(namespace's role, workload): the roles are ``observability``, ``trading`` and ``agents``."""


def workloads(settings: Settings) -> Workloads:
    """Everything that runs all the time; jobs come and go."""
    observability = {"otel-collector", "blackbox-exporter"}
    if settings.logs.backend != "external":
        observability.add(settings.logs.backend)
    if settings.traces.endpoint is None:
        observability.add("jaeger")
    if not settings.prometheus.operator:
        observability |= {"prometheus", "alertmanager", "kube-state-metrics"}
    if not settings.grafana.existing:
        observability.add("grafana")
    found = {("observability", name) for name in observability}
    if settings.agent.enabled:
        found.add(("agents", "node-agent"))
    if settings.platform.enabled:
        found |= {("trading", name) for name in DEPLOYMENTS}
        found |= {("observability", "redis-exporter"), ("observability", "postgres-exporter")}
        if settings.platform.external is None:
            found |= {("trading", name) for name in DATA_PORTS}
    return frozenset(found)


def active_workloads(settings: Settings) -> Workloads:
    """What of it has pods: what the alerts watch."""
    return frozenset((role, name) for role, name in workloads(settings) if name not in settings.scaled_to_zero)


RULE_FILE_WORKLOADS = {
    "jaeger.yaml": "jaeger",
    "loki.yaml": "loki",
    "nodes.yaml": "node-agent",
    "postgresql.yaml": "postgres-exporter",
    "redis.yaml": "redis-exporter",
    "victorialogs.yaml": "victorialogs",
}
"""Rule files about one workload that not every environment has: without it they would wait for series that never come."""


_RUNBOOK = re.compile(r"^( *runbook_url: )(?=runbooks/)", re.MULTILINE)


def select_rule_files(settings: Settings, rules: Mapping[str, str]) -> dict[str, str]:
    """The rule files, by name, whose workload has pods. Links to runbooks lead to where the settings say that they are read."""
    names = {name for _, name in active_workloads(settings)}
    runbooks = settings.prometheus.runbooks
    found = {
        file: text
        for file, text in rules.items()
        if RULE_FILE_WORKLOADS.get(file) is None or RULE_FILE_WORKLOADS[file] in names
    }
    if runbooks is None:
        return found
    return {file: _RUNBOOK.sub(rf"\g<1>{runbooks}/", text) for file, text in found.items()}


WITHOUT_METRICS = frozenset({"db", "cache"})
"""Workloads that serve no metrics of their own: their exporters have them."""


def expected_targets(settings: Settings) -> list[str]:
    """The workloads that have to be scrape targets, by the label ``service``."""
    return sorted(name for _, name in active_workloads(settings) if name not in WITHOUT_METRICS)
