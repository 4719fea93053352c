"""The gateway in front of the real Loki, with the configurations that ship, and what Grafana's data sources ask of it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from catalog.log_queries import STREAM_LABELS
from tests.data.test_config_stores_run import DATASOURCES, filled_in
from tests.support.collector_process import Gateway, Sink, key_values, logs, value
from tests.support.http_json import ask
from tests.support.loki_process import CONFIG, Loki, needs_loki
from tests.support.tool_process import running
from tests.support.waiting import wait_until

pytestmark = needs_loki


@dataclass
class Stores:
    loki: str
    gateway: Gateway


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder, other = tmp_path_factory.mktemp("loki"), Sink()
    loki = Loki(folder / "loki", CONFIG.read_text())
    gateway = Gateway(folder / "gateway", {"logs": f"{loki.url}/otlp", "traces": other.url, "metrics": other.url})
    with running(loki), running(gateway):
        yield Stores(loki.url, gateway)


@pytest.fixture(scope="module")
def trace(stores: Stores) -> str:
    """The id of a trace of which a record is there."""
    order = secrets.token_hex(16)
    record = {"body": value("order refused"), "traceId": order, "spanId": secrets.token_hex(8)}
    assert stores.gateway.send("logs", logs([record])) == 200
    return order


def test_a_span_leads_to_the_records_of_its_trace_and_a_record_back(stores: Stores, trace: str) -> None:
    query = filled_in(DATASOURCES["jaeger"]["jsonData"]["tracesToLogsV2"]["query"], __trace_dot_traceId=trace)

    def found() -> list[dict[str, Any]]:
        return ask(f"{stores.loki}/loki/api/v1/query_range", query=query)["data"]["result"]

    wait_until(lambda: bool(found()), 20, f"the records of {query}")
    (field,) = DATASOURCES["loki"]["jsonData"]["derivedFields"]
    for stream in found():
        assert field["matcherType"] == "label"
        assert stream["stream"][field["matcherRegex"]] == trace
        assert (stream["stream"]["service_name"], stream["stream"]["k8s_namespace_name"]) == ("api", "trading")
        assert [line for _, line in stream["values"]] == ["order refused"] * len(stream["values"])


def test_only_few_attributes_make_a_stream(stores: Stores, trace: str) -> None:
    labels = set(ask(f"{stores.loki}/loki/api/v1/labels")["data"])
    # What came by OTLP has no container.
    assert set(STREAM_LABELS) - {"k8s_container_name"} <= labels
    assert labels <= {*STREAM_LABELS, "__stream_shard__"}


def test_a_monstrous_record_is_stored_beside_its_neighbours(stores: Stores) -> None:
    end = secrets.token_hex(8)
    many = key_values({f"key{number}": "x" * 10_000 for number in range(400)})
    monster = {"body": value(f"monster {end} " + "é" * 1_000_000), "attributes": many}
    assert (
        stores.gateway.send(
            "logs",
            logs([f"before {end}", monster, f"after {end}"], **{f"wide{number}": "y" * 5000 for number in range(200)}),
        )
        == 200
    )

    def lines() -> list[str]:
        found = ask(f"{stores.loki}/loki/api/v1/query_range", query=f'{{service_name="api"}} |= "{end}"')["data"][
            "result"
        ]
        return sorted(line for stream in found for _, line in stream["values"])

    wait_until(lambda: len(lines()) == 3, 20, "three records")
    assert [line.partition(" ")[0] for line in lines()] == ["after", "before", "monster"]
    refused = [
        line
        for line in stores.gateway.own_metrics().splitlines()
        if line.startswith("otelcol_exporter_send_failed_log_records_total{")
    ]
    assert [line for line in refused if not line.endswith(" 0")] == []
