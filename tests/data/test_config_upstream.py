"""The gateway for the upstream image, which has no processor of ours: what it does all the same, and what it lacks."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.data.overlays import merged_choice, upstream
from tests.support.collector_process import Gateway, Sink, attributes, key_values, logs, span, traces, value
from tests.support.loki_rules import LokiRules
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

MINUTE = 60 * 10**9


@dataclass
class Flow:
    gateway: Gateway
    loki: LokiRules
    traces: Sink

    def send(self, record: dict[str, Any]) -> tuple[bool, list[str]]:
        """Whether a record arrives, and why not."""
        word, before = secrets.token_hex(8), len(self.loki.refused)
        record = {"body": value("record"), **record}
        record["attributes"] = [*key_values({"word": word}), *record.get("attributes", [])]
        assert self.gateway.send("logs", logs([record])) == 200

        def arrived() -> bool:
            return any(pair.value.string_value == word for each in self.loki.records for pair in each.attributes)

        wait_until(lambda: arrived() or len(self.loki.refused) > before, 20, "an answer")
        return arrived(), self.loki.refused[before:]


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    loki, sink = LokiRules(), Sink()
    stores = {"logs": loki.url, "traces": sink.url, "metrics": sink.url}

    def traces_in_json(config: dict[str, Any]) -> None:
        for name in ("otlp_http/traces", "otlp_http/metrics"):
            config["exporters"][name]["encoding"] = "json"

    folder = tmp_path_factory.mktemp("upstream")
    gateway = Gateway(folder, stores, text=merged_choice(upstream(())), variant=traces_in_json)
    with running(loki), running(gateway):
        yield Flow(gateway, loki, sink)


LACKS: dict[str, dict[str, Any]] = {
    "a name without Latin letters costs its request": {"attributes": key_values({"сумма": 5})},
    "an empty name in a map costs its request": {"attributes": key_values({"order": {"": 5}})},
    "keys below one key are not counted": {"attributes": key_values({"below": {f"key{at}": at for at in range(200)}})},
    "a map is not cut": {"attributes": key_values({"order": {"blob": "x" * 1_100_000}})},
    "a body that is a map is not cut": {"body": value({"blob": "x" * 1_100_000})},
}
"""What a record costs the others of its request, with Loki as the store. Our own image mends all of it."""


@pytest.mark.parametrize("lack", LACKS)
def test_what_the_upstream_image_lacks(flow: Flow, lack: str) -> None:
    arrived, refused = flow.send(LACKS[lack])
    assert not arrived
    assert refused


TAKEN: dict[str, dict[str, Any]] = {
    "an ordinary record": {"attributes": key_values({"request_id": "r-1"})},
    "a long text": {"body": value("é" * 1_000_000)},
    "many attributes": {"attributes": key_values({f"key{at}": "x" for at in range(2000)})},
    "a clock that is ahead": {"timeUnixNano": str(time.time_ns() + 30 * MINUTE)},
    "a long attribute": {"attributes": key_values({"blob": "x" * 1_000_000})},
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_it_cuts_arrives(flow: Flow, kind: str) -> None:
    assert flow.send(TAKEN[kind]) == (True, [])


def test_credentials_are_masked(flow: Flow) -> None:
    word = secrets.token_urlsafe(24)
    flow.send({"body": value(f"connecting with password={word}"), "attributes": key_values({"api_key": word})})
    (found,) = [each for each in flow.loki.records if "connecting with" in each.body.string_value]
    assert word not in str(found)


def test_spans_are_cut_and_masked_under_the_new_names(flow: Flow) -> None:
    word = secrets.token_urlsafe(24)
    told = {"http.method": "GET", "http.status_code": 503, "password": word} | {
        f"key{at}": "x" * 20_000 for at in range(300)
    }
    sent = span(f"GET /?password={word}", failed=True, attributes=told)
    assert flow.gateway.send("traces", traces([sent])) == 200
    wait_until(lambda: bool(flow.traces.spans()), 20, "the span")
    (found,) = flow.traces.spans()
    assert word not in str(found)
    assert attributes(found)["http.response.status_code"] == "503"
    assert len(attributes(found)) <= 128 + 3


def test_before_victorialogs_a_record_is_cut_and_moved(tmp_path: Any) -> None:
    store, other = VictoriaLogs(tmp_path / "store"), Sink()
    stores = {"logs": store.otlp_url, "traces": other.url, "metrics": other.url}
    gateway = Gateway(tmp_path / "gateway", stores, text=merged_choice(upstream(("logs-victorialogs",))))
    records = [
        {"body": value("old"), "timeUnixNano": str(time.time_ns() - 60 * 24 * 60 * MINUTE)},
        {"body": value("wide"), "attributes": key_values({f"field{at}": "x" for at in range(2000)})},
        {"body": value("named"), "attributes": key_values({"k" * 129: "x"})},
        {"body": value({"event": "filled"})},
    ]
    with running(store), running(gateway):
        assert gateway.send("logs", logs(records)) == 200
        wait_until(lambda: store.flush() or store.number("*") == len(records), 20, "all records")
        (old,) = store.query("old")
        assert "atlas.original_time" in old
        (wide,) = store.query("wide")
        assert wide["atlas.cut"] == "true"
