"""The configurations that ship work together: telemetry goes through the gateway into the real VictoriaLogs, Jaeger and Prometheus,
and what Grafana's data sources ask of each other leads to it. ``test_config_loki_runs.py`` has Loki in VictoriaLogs' place.

What differs from what ships: folders, addresses, and the way to the Kubernetes API.
"""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.data.overlays import merged_choice
from tests.support.collector_process import WORKERS, Gateway, key_values, logs, span, traces, value
from tests.support.http_json import ask
from tests.support.prometheus_process import service
from tests.support.real_stores import RealStores
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

CONFIG = Path(__file__).parents[2] / "config"
DATASOURCES = {
    source["uid"]: source for source in yaml.safe_load((CONFIG / "grafana/datasources.yaml").read_text())["datasources"]
}
NAME = "POST /api/orders"


@dataclass
class Stores:
    """The running stores by their base URLs."""

    logs: VictoriaLogs
    jaeger: str
    prometheus: str
    gateway: Gateway


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("stores")
    behind = RealStores(folder)
    gateway = Gateway(folder / "gateway", behind.endpoints, text=merged_choice(("logs-victorialogs",)))
    prometheus = behind.prometheus(
        service("otel-collector", "metrics", 8888, [gateway.address]), service("other", "http", 4318, ["127.0.0.1"])
    )
    with running(behind.jaeger), running(prometheus), running(behind.logs), running(gateway):
        yield Stores(behind.logs, behind.jaeger.url, prometheus.url, gateway)


@pytest.fixture(scope="module")
def trace(stores: Stores) -> str:
    """The id of a trace that is in every store: its span, a log record of it, and the span's metrics."""
    order, told = (
        secrets.token_hex(16),
        {"http.route": "/api/orders", "http.request.method": "POST", "http.response.status_code": 500},
    )
    now = str(time.time_ns())
    record = {
        "body": value("order refused"),
        "timeUnixNano": now,
        "severityText": "ERROR",
        "traceId": order,
        "spanId": secrets.token_hex(8),
    }
    counter = {
        "dataPoints": [{"asInt": "7", "startTimeUnixNano": now, "timeUnixNano": now}],
        "isMonotonic": True,
        "aggregationTemporality": 2,
    }
    resource = {"attributes": key_values({"service.name": "workers"})}
    metrics = {
        "resourceMetrics": [
            {"resource": resource, "scopeMetrics": [{"metrics": [{"name": "orders.refused", "sum": counter}]}]}
        ]
    }
    for at in range(2):
        spans = [span(NAME, failed=True, trace=order if not at else None, attributes=told)]
        assert stores.gateway.send("traces", traces(spans)) == 200
        assert stores.gateway.send("logs", logs([record])) == 200
        assert stores.gateway.send("metrics", metrics, WORKERS) == 200
        time.sleep(1.2)
    return order


def _prometheus(stores: Stores, query: str) -> list[dict[str, Any]]:
    return ask(f"{stores.prometheus}/api/v1/query", query=query)["data"]["result"]


def filled_in(query: str, **values: str) -> str:
    """``query`` as Grafana sends it: first the environment's escapes are undone, then its own variables are filled in."""
    query = query.replace("$$", "$")
    for name, filled in values.items():
        query = query.replace(f"${{{name.replace('_dot_', '.')}}}", filled)
    assert "${" not in query
    return query


def test_a_record_is_found_by_the_trace_that_it_is_of(stores: Stores, trace: str) -> None:
    def found() -> list[dict[str, Any]]:
        return stores.logs.query(f'trace_id:="{trace}"')

    wait_until(lambda: len(found()) == 2, 20, "both records")
    assert {(each["_msg"], each["service.name"]) for each in found()} == {("order refused", "api")}


def test_a_trace_is_in_jaeger(stores: Stores, trace: str) -> None:
    (found,) = wait_until(lambda: ask(f"{stores.jaeger}/api/traces/{trace}"), 20, "the trace")["data"]
    (kept,) = found["spans"]
    assert kept["operationName"] == NAME
    assert {process["serviceName"] for process in found["processes"].values()} == {"api"}


def test_a_span_leads_to_metrics_of_its_name(stores: Stores, trace: str) -> None:
    queries = DATASOURCES["jaeger"]["jsonData"]["tracesToMetrics"]["queries"]
    assert len(queries) == 3
    for query in queries:
        filled = filled_in(query["query"], __span_dot_name=NAME)
        wait_until(lambda: bool(_prometheus(stores, filled)), 20, filled)  # noqa: B023
        assert {series["metric"]["service_name"] for series in _prometheus(stores, filled)} == {"api"}


def test_span_metrics_carry_the_labels_that_rules_and_panels_name(stores: Stores, trace: str) -> None:
    calls = f'traces_span_metrics_calls_total{{span_name="{NAME}"}}'
    wait_until(lambda: [item["value"][1] for item in _prometheus(stores, calls)] == ["2"], 20, f"two calls: {calls}")
    (series,) = _prometheus(stores, calls)
    told = {
        "service_name": "api",
        "span_kind": "SPAN_KIND_SERVER",
        "status_code": "STATUS_CODE_ERROR",
        "http_route": "/api/orders",
    }
    told |= {
        "http_request_method": "POST",
        "http_response_status_code": "500",
        "deployment_environment_name": "local",
        "job": "api",
    }
    assert told.items() <= series["metric"].items()
    bounds = {item["metric"]["le"] for item in _prometheus(stores, "traces_span_metrics_duration_seconds_bucket")}
    assert "0.2" in bounds  # the guide's latency threshold is a bucket's bound, so its quantile is no guess


def test_an_exemplar_leads_to_a_trace(stores: Stores, trace: str) -> None:
    (destination,) = DATASOURCES["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]

    def exemplars() -> set[str]:
        asked = {
            "query": "traces_span_metrics_duration_seconds_bucket",
            "start": time.time() - 300,
            "end": time.time() + 60,
        }
        found = ask(f"{stores.prometheus}/api/v1/query_exemplars", **asked)["data"]
        return {item["labels"][destination["name"]] for series in found for item in series["exemplars"]}

    wait_until(lambda: trace in exemplars(), 20, "the exemplar")


def test_a_metric_sent_by_otlp_has_a_classic_name_and_says_whose_it_is(stores: Stores, trace: str) -> None:
    wait_until(lambda: bool(_prometheus(stores, "orders_refused_total")), 20, "the metric")
    told = {
        "service_name": "workers",
        "deployment_environment_name": "local",
        "k8s_cluster_name": "test",
        "k8s_namespace_name": "trading",
    }
    assert all(told.items() <= series["metric"].items() for series in _prometheus(stores, "orders_refused_total"))


def test_a_service_with_a_metrics_port_is_scraped_under_its_name(stores: Stores) -> None:
    wait_until(lambda: bool(_prometheus(stores, "up == 1")), 30, "a target")
    (series,) = _prometheus(stores, "up")
    labels = {key: item for key, item in series["metric"].items() if key not in {"__name__", "instance"}}
    assert labels == {
        "job": "otel-collector",
        "service": "otel-collector",
        "namespace": "observability",
        "pod": "otel-collector-0",
        "environment": "local",
    }
    assert re.fullmatch(r"[\d.]+:8888", series["metric"]["instance"])
