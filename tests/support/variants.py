"""The environments as they ship, and what their files alone do not switch on: together they make every object that there is.

The stack `local-kind` is not among them: it declares the objects of `local` (`tests/unit/test_local_kind.py`).
"""

import json

from tests.support.synthesis import ENVIRONMENTS

PROMETHEUS = {"operator": True, "url": "http://prometheus-operated.monitoring.svc:9090", "labels": {"release": "mine"}}
GRAFANA = {"existing": True, "url": "https://grafana.dev.example.com"}
LOGS = {"otlpEndpoint": "https://logs.example.com", "elasticsearch": "https://elasticsearch.example.com"}
COLLECTOR = {"distribution": "upstream"}
"""The one that has Elasticsearch's exporter."""
TRACES = {"endpoint": "https://traces.example.com"}

VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    **{stack: (stack, {}) for stack in ENVIRONMENTS},
    # A cluster that has the Prometheus Operator and a Grafana.
    "operator": ("dev", {"atlas:prometheus": json.dumps(PROMETHEUS), "atlas:grafana": json.dumps(GRAFANA)}),
    # Stores of the user's own, beside and instead of ours.
    "stores": (
        "dev",
        {"atlas:logs": json.dumps(LOGS), "atlas:traces": json.dumps(TRACES), "atlas:collector": json.dumps(COLLECTOR)},
    ),
    # One machine without a registry.
    "victorialogs": ("local", {"atlas:logs": json.dumps({"backend": "victorialogs"})}),
}
"""Name to (stack, changed configuration)."""
