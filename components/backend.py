"""Where signals end: what the gateway sends to and Grafana asks, be it deployed here or elsewhere."""

from dataclasses import dataclass

from pulumi import Input


@dataclass(frozen=True, kw_only=True)
class TelemetryBackend:
    """``otlp_url`` is an OTLP/HTTP base URL; ``query_url`` is where Grafana asks, empty where it cannot."""

    otlp_url: Input[str]
    query_url: Input[str]
