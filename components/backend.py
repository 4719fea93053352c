"""Where signals end: what the gateway sends to and Grafana asks, be it deployed here or elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi import Input, Output

from settings.introspection import value_at
from settings.model import Settings
from settings.secret_table import SECRETS

if TYPE_CHECKING:  # the catalogue brings Grafana's SDK, which reading the settings does without
    from catalog.log_stores import LogStore


@dataclass(frozen=True, kw_only=True)
class TelemetryBackend:
    """``otlp_url`` is an OTLP/HTTP base URL; ``query_url`` is where Grafana asks, empty where it cannot."""

    otlp_url: Input[str]
    query_url: Input[str]


@dataclass(frozen=True, kw_only=True)
class MetricsBackend:
    """A Prometheus: ``query_url`` leads to any replica; each of ``replicas`` has to be sent everything."""

    query_url: Input[str]
    replicas: Sequence[TelemetryBackend]


def prometheus_backend(url: Input[str]) -> TelemetryBackend:
    """A Prometheus by its URL: ours, or one that is there, with its OTLP receiver on."""
    return TelemetryBackend(otlp_url=Output.concat(url, "/api/v1/otlp"), query_url=url)


def log_store(settings: Settings) -> "LogStore | None":
    """By whose API Grafana asks for logs: an external backend by Loki's, and not at all where it has no address for that."""
    logs = settings.logs
    if logs.backend != "external":
        return logs.backend
    return "loki" if logs.query_url else None


def query_urls(logs: TelemetryBackend, traces: TelemetryBackend, metrics: MetricsBackend) -> dict[str, Input[str]]:
    """The variables that Grafana's data sources expand."""
    return {"PROMETHEUS_URL": metrics.query_url, "LOGS_URL": logs.query_url, "JAEGER_URL": traces.query_url}


@dataclass(frozen=True, kw_only=True)
class ExternalBackend:
    """A backend of the user's own, used where ``setting`` holds its address. ``sender`` is the workload that connects to it.

    ``log_store`` says whether it is used as the only store of logs, or besides one; None where that makes no difference.
    ``overlay`` is the part of the gateway's configuration that sends to it, ``credential_overlay`` the part that adds the token:
    that of the secret whose entry names the same setting. ``variable`` is how the overlay is given the address.
    """

    setting: str
    sender: str
    log_store: bool | None = None
    overlay: str | None = None
    credential_overlay: str | None = None
    variable: str | None = None


EXTERNAL_BACKENDS: tuple[ExternalBackend, ...] = (
    ExternalBackend(
        setting="traces.endpoint",
        sender="otel-collector",
        overlay="traces-external.yaml",
        credential_overlay="traces-token.yaml",
    ),
    ExternalBackend(setting="traces.queryUrl", sender="grafana"),
    ExternalBackend(
        setting="logs.otlpEndpoint",
        sender="otel-collector",
        log_store=True,
        overlay="logs-external.yaml",
        credential_overlay="logs-external-token.yaml",
    ),
    ExternalBackend(setting="logs.queryUrl", sender="grafana"),
    ExternalBackend(
        setting="logs.otlpEndpoint",
        sender="otel-collector",
        log_store=False,
        overlay="logs-otlp.yaml",
        credential_overlay="logs-otlp-token.yaml",
        variable="LOGS_COPY_ENDPOINT",
    ),
    ExternalBackend(
        setting="logs.elasticsearch",
        sender="otel-collector",
        overlay="logs-elasticsearch.yaml",
        credential_overlay="logs-elasticsearch-token.yaml",
        variable="ELASTICSEARCH_ENDPOINT",
    ),
    ExternalBackend(setting="prometheus.remoteWrite", sender="prometheus"),
)
"""One entry each: its configuration, token, network flow and the checks of its address follow from it."""


def used_backends(settings: Settings) -> dict[ExternalBackend, str]:
    """The external backends that the settings name, with their addresses."""
    store = settings.logs.backend == "external"
    here = [each for each in EXTERNAL_BACKENDS if each.log_store in (None, store)]
    found = {backend: value_at(settings, backend.setting) for backend in here}
    return {backend: address for backend, address in found.items() if address}


def gateway_overlays(settings: Settings, configured_secrets: Collection[str]) -> list[str]:
    """The overlays of the gateway's configuration that the settings and secrets ask for, in their order."""
    tokens = {SECRETS[key].setting for key in configured_secrets if key in SECRETS}
    overlays: list[str] = []
    for backend in used_backends(settings):
        overlays += [backend.overlay] if backend.overlay else []
        overlays += [backend.credential_overlay] if backend.credential_overlay and backend.setting in tokens else []
    return overlays


def gateway_addresses(settings: Settings) -> Mapping[str, str]:
    """The variables by which those overlays are given addresses."""
    return {backend.variable: address for backend, address in used_backends(settings).items() if backend.variable}


def external_logs(settings: Settings) -> TelemetryBackend | None:
    """The user's own store of logs, if the settings say that it is the only one."""
    logs = settings.logs
    if logs.backend != "external" or logs.otlp_endpoint is None:
        return None
    return TelemetryBackend(otlp_url=logs.otlp_endpoint, query_url=logs.query_url or "")


def external_traces(settings: Settings) -> TelemetryBackend | None:
    """The user's own store of traces, if the settings name one."""
    traces = settings.traces
    return TelemetryBackend(otlp_url=traces.endpoint, query_url=traces.query_url or "") if traces.endpoint else None
