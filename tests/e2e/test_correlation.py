"""The ways between the stores that Grafana offers, followed by the stores' own APIs: each leads to data that are there.

The links are read from the data sources as they are provisioned.
"""

import re
import secrets
from typing import Any

import pytest
import yaml

from catalog.log_stores import data_sources_for
from tests.e2e.running_stack import RunningStack, awaited
from tests.support.repository import ROOT


def sources(stack: RunningStack) -> dict[str, Any]:
    """The settings of the data sources, as they are provisioned beside the log store that is deployed."""
    text = data_sources_for((ROOT / "config/grafana/datasources.yaml").read_text(), stack.log_store.store)
    return {each["uid"]: each["jsonData"] for each in yaml.safe_load(text)["datasources"]}


def filled(query: str, **values: str) -> str:
    """A query of a link as Grafana would send it: ``$${__trace.traceId}`` and the like stand for values."""
    text = query.replace("$$", "$")
    for name, value in values.items():
        text = text.replace("${__" + name.replace("_", ".", 1) + "}", value)
    assert "${" not in text, text
    return text


@pytest.fixture(scope="module")
def order(stack: RunningStack) -> str:
    """The trace of an order, which sampling always keeps."""
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    assert (
        stack.ask("api", "/api/orders", {"product": "ETH-USD", "side": "buy", "size": 0.01}, headers=headers).status
        == 202
    )
    awaited(lambda: len(stack.trace(trace)) >= 3, 60, "the trace")
    return trace


def test_a_log_record_leads_to_its_trace(stack: RunningStack, order: str) -> None:
    (field,) = sources(stack)[stack.log_store.store]["derivedFields"]
    assert (field["matcherType"], field["datasourceUid"]) == ("label", "jaeger")
    found = awaited(lambda: stack.logs(f'{{service_name="api"}} | trace_id="{order}"'), 60, "the record")
    (led,) = {
        value for labels, _ in found for name, value in labels.items() if re.fullmatch(field["matcherRegex"], name)
    }
    assert stack.trace(filled(field["url"], value_raw=led))


def test_a_span_leads_to_the_records_of_its_trace(stack: RunningStack, order: str) -> None:
    link, store = sources(stack)["jaeger"]["tracesToLogsV2"], stack.log_store
    assert link["datasourceUid"] == store.store
    query = filled(link["query"], trace_traceId=order)

    def services() -> set[str]:
        return {labels["service_name"] for labels, _ in store.own_lines(query)}

    awaited(lambda: services() >= {"api", "workers"}, 60, "records of both services")


def test_a_span_leads_to_the_metrics_of_its_name(stack: RunningStack, order: str) -> None:
    link = sources(stack)["jaeger"]["tracesToMetrics"]
    assert link["datasourceUid"] == "prometheus"
    (server,) = {
        each["operationName"] for each in stack.trace(order) if each["service"] == "api" and not each["references"]
    } or {"POST /api/orders"}
    for each in link["queries"]:
        query = filled(each["query"], span_name=server)
        if each["name"] == "Failures":  # none has failed: the query has to be one, and no more
            stack.metrics(query)
        else:
            awaited(lambda query=query: stack.metrics(query), 90, query)


@pytest.mark.parametrize(
    "series",
    [
        'http_request_duration_seconds_bucket{service="api", route="/api/orders", method="POST"}',
        'traces_span_metrics_duration_seconds_bucket{service_name="api", http_route="/api/orders", http_request_method="POST"}',
        'atlas_order_processing_seconds_bucket{service="workers"}',
    ],
    ids=["of a service", "of spans", "of the workers"],
)
def test_an_exemplar_leads_to_its_trace(stack: RunningStack, order: str, series: str) -> None:
    (destination,) = sources(stack)["prometheus"]["exemplarTraceIdDestinations"]
    assert destination["datasourceUid"] == "jaeger"

    ever = {"start": "0", "end": "9999999999"}

    def exemplars() -> list[dict[str, Any]]:
        found = stack.ask("prometheus", "/api/v1/query_exemplars", query={"query": series, **ever}).json
        return [each for of_series in found["data"] for each in of_series["exemplars"]]

    found = awaited(exemplars, 90, "exemplars")
    assert all(stack.trace(each["labels"][destination["name"]]) for each in found[-5:])
