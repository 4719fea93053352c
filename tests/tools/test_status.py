"""``make status``: what Prometheus says, in lines that a person reads at once."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from tools import pages, status
from tools.port_forward import Access, PortForward

SAYS: Mapping[str, status.Samples] = {
    "up": [({"job": "services", "service": "api"}, 1.0), ({"job": "services", "service": "workers"}, 0.0)],
    "logs": [({}, 12.34)],
    "spans": [],
    "points": [({}, 5.0)],
    "ALERTS": [
        ({"alertname": "Watchdog", "severity": "none"}, 1.0),
        ({"alertname": "TargetDown", "severity": "critical", "service": "workers", "instance": "10.0.0.1:9108"}, 1.0),
    ],
    "queue": [({"service": "otel-collector", "exporter": "otlp_http/logs"}, 0.25)],
}


def test_each_service_is_forwarded_to_its_own_port_or_the_next_one_that_is_free() -> None:
    namespaces = {"observability": "telemetry", "trading": "platform"}
    deployed = {"grafana", "prometheus", "alertmanager", "jaeger", "loki", "otel-collector", "loki-peers"}
    forwards = status.choose_port_forwards(namespaces, {"ops-ui": 3000, "api": 8000, "another": 3001}, deployed)
    assert {each.service: (each.namespace, each.port, each.local_port) for each in forwards} == {
        "grafana": ("telemetry", 3000, 3000),
        "prometheus": ("telemetry", 9090, 9090),
        "alertmanager": ("telemetry", 9093, 9093),
        "jaeger": ("telemetry", 16686, 16686),
        "loki": ("telemetry", 3100, 3100),
        "ops-ui": ("platform", 3000, 3001),
        "api": ("platform", 8000, 8000),
        "another": ("platform", 3001, 3002),
    }


@pytest.mark.parametrize(
    ("store", "address"),
    [("loki", "http://localhost:3100 has no page"), ("victorialogs", "http://localhost:9428/select/vmui/")],
)
def test_the_log_store_that_is_deployed_is_opened_at_its_page(
    store: str, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    access = Access(environment={}, context="any", private=Path())
    (forward,) = status.choose_port_forwards({"observability": "telemetry", "trading": "platform"}, {}, {store})

    def open_at_once(forward: PortForward, access: Access) -> AbstractContextManager[int]:
        return nullcontext(forward.local_port)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "open_port_forward", open_at_once)
    monkeypatch.setattr("time.sleep", interrupted)
    monkeypatch.setattr(pages, "has_page", lambda url: "/select/vmui/" in url)
    assert status.open_port_forwards(access, [forward])
    said = capsys.readouterr()
    assert re.search(rf"{store} +{re.escape(address)}", said.out + said.err, re.MULTILINE)


def test_what_is_down_and_what_fires_is_named() -> None:
    def said(query: str) -> status.Samples:
        if query == "up":
            return SAYS["up"]
        if query.startswith("ALERTS"):
            return SAYS["ALERTS"]
        if "queue_size" in query:
            return SAYS["queue"]
        return SAYS["logs" if "log_records" in query else "spans" if "spans" in query else "points"]

    assert status.summarize(said) == [
        "targets: 1 of 2 up",
        "  down: workers",
        "signals: 12.3 logs/s, 0.0 spans/s, 5.0 metric points/s",
        "alerts: 2 firing",
        "  critical: TargetDown service=workers",
        "  none: Watchdog",
        "queues: otel-collector otlp_http/logs 25.0% full",
    ]


def test_a_prometheus_that_knows_nothing_yet_is_no_error() -> None:
    assert status.summarize(lambda _: []) == [
        "targets: 0 of 0 up",
        "signals: 0.0 logs/s, 0.0 spans/s, 0.0 metric points/s",
        "alerts: 0 firing",
        "queues: none reported",
    ]
