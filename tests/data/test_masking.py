"""Credentials in every place of telemetry, through the agent and the gateway that ship into the real stores: none arrives, and
none is on the agent's disk. Kinds and what is harmless are those of tests/support/credentials.py.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.data.overlays import merged_choice
from tests.support import credentials
from tests.support.agent_process import Agent, ContainerLog, GatewayStub
from tests.support.collector_process import Gateway, key_values, logs, span, traces, value
from tests.support.http_json import ask, read
from tests.support.real_stores import RealStores
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

PERSONAL = {"MASK_PERSONAL_DATA": "true"}


@dataclass
class Stores:
    """The running stores behind a gateway."""

    logs: VictoriaLogs
    jaeger: str
    prometheus: str
    gateway: Gateway


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("masked")
    behind = RealStores(folder)
    prometheus = behind.prometheus()
    gateway = Gateway(
        folder / "gateway", behind.endpoints, text=merged_choice(("logs-victorialogs",)), environment=PERSONAL
    )
    with running(behind.logs), running(behind.jaeger), running(prometheus), running(gateway):
        yield Stores(behind.logs, behind.jaeger.url, prometheus.url, gateway)


def arrived(samples: list[credentials.Sample], stored: str) -> dict[str, list[str]]:
    """By kind, what of the credentials is in ``stored``, with what stands before it.

    A number is one where no digit is next to it: times and ids have any.
    """
    found: dict[str, list[str]] = {}
    for each in samples:
        for part in (part for part in each.secrets if len(part) > 3 and part in stored):
            pattern = rf"(?<!\d){part}(?!\d)" if part.isdigit() else re.escape(part)
            if match := re.search(pattern, stored):
                found.setdefault(each.kind, []).append(stored[max(0, match.start() - 80) : match.end()])
    return found


def alone(sample: credentials.Sample) -> bool:
    """Whether it is a credential where nothing stands beside it, not even a name."""
    return sample.kind.startswith("line:")


def members(line: str) -> dict[str, Any]:
    """A line of JSON as the agent takes it apart; attributes of another line's."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": line, "context": {"inner": [line, {"deeper": line}]}}


def test_no_credential_reaches_the_store_of_logs(stores: Stores) -> None:
    samples, word = credentials.samples(), secrets.token_hex(8)
    for some in (samples[at : at + 500] for at in range(0, len(samples), 500)):
        records = [{"body": value(each.line), "attributes": key_values({"word": word})} for each in some]
        records += [
            {"body": value(members(each.line)), "attributes": key_values({"word": word} | members(each.line))}
            for each in some
            if not alone(each)
        ]
        assert stores.gateway.send("logs", logs(records)) == 200
    few = [each for each in credentials.kinds() if not alone(each)]
    for each in few:
        record = {
            "body": value("beside"),
            "attributes": key_values({"word": word}),
            "severityText": each.line,
            "eventName": each.line,
        }
        payload = logs([record], told=each.line, nested={"inner": [each.line]})
        payload["resourceLogs"][0]["scopeLogs"][0]["scope"] = {
            "name": each.line,
            "version": each.line,
            "attributes": key_values({"told": each.line}),
        }
        assert stores.gateway.send("logs", payload) == 200
    expected = 2 * len(samples) - sum(map(alone, samples)) + len(few)

    def found() -> list[dict[str, Any]]:
        stores.logs.flush()
        return stores.logs.query(f'word:="{word}"')

    wait_until(lambda: len(found()) == expected, 30, f"{expected} records")
    stored = json.dumps([{name: text.replace("\\", "") for name, text in each.items()} for each in found()])
    assert arrived(samples, stored) == {}


def test_no_credential_reaches_the_store_of_traces(stores: Stores) -> None:
    samples, service = [each for each in credentials.kinds() if not alone(each)], f"masked-{secrets.token_hex(4)}"
    spans = []
    for each in samples:
        told = {"told": each.line, "list": [each.line], "map": {"deep": [each.line]}}
        carrier = span(
            each.line,
            failed=True,
            attributes=told | members(each.line),
            events=[{"name": each.line, "timeUnixNano": str(time.time_ns()), "attributes": key_values(told)}],
            links=[
                {
                    "traceId": secrets.token_hex(16),
                    "spanId": secrets.token_hex(8),
                    "traceState": f"vendor={each.secrets[0]}",
                    "attributes": key_values(told),
                }
            ],
        )
        carrier["status"]["message"] = each.line
        spans.append(carrier)
    for at, each in enumerate(samples):
        payload = traces(spans[at : at + 1], service, told=each.line)
        payload["resourceSpans"][0]["scopeSpans"][0]["scope"] = {
            "name": each.line,
            "version": each.line,
            "attributes": key_values({"told": each.line}),
        }
        assert stores.gateway.send("traces", payload) == 200

    def found() -> list[dict[str, Any]]:
        return ask(f"{stores.jaeger}/api/traces", service=service, limit=str(2 * len(samples)))["data"]

    wait_until(lambda: len(found()) == len(samples), 30, "the spans")
    stored = json.dumps(found()).replace("\\", "")
    in_links = [each for each in samples if each.kind.startswith("alone:")]
    assert arrived([each for each in samples if each not in in_links], stored) == {}
    assert arrived(in_links, stored) == {}, "in a link's trace state"


def test_no_credential_reaches_the_store_of_metrics(stores: Stores) -> None:
    samples, name = [each for each in credentials.kinds() if not alone(each)], f"masked_{secrets.token_hex(4)}"
    for at, each in enumerate(samples):
        told = {"number": str(at), "told": each.line}
        point = {"asDouble": 1, "timeUnixNano": str(time.time_ns()), "attributes": key_values(told)}
        exemplar = {"asDouble": 1, "timeUnixNano": point["timeUnixNano"], "filteredAttributes": key_values(told)}
        metric = {
            "name": name,
            "description": each.line,
            "gauge": {"dataPoints": [point | {"exemplars": [exemplar]}]},
        }
        resource = {"attributes": key_values({"service.name": "api", "told": each.line})}
        scope = {"name": each.line, "version": each.line, "attributes": key_values({"told": each.line})}
        payload = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope, "metrics": [metric]}]}]}
        assert stores.gateway.send("metrics", payload) == 200

    def series() -> list[dict[str, str]]:
        return ask(f"{stores.prometheus}/api/v1/series", timeout=30, **{"match[]": f'{{__name__="{name}"}}'})["data"]

    wait_until(lambda: {each["number"] for each in series()} == set(map(str, range(len(samples)))), 30, "the series")
    everything = ask(f"{stores.prometheus}/api/v1/series", timeout=30, **{"match[]": '{__name__=~".+"}'})["data"]
    stored = json.dumps(everything) + read(f"{stores.prometheus}/api/v1/metadata")
    assert arrived(samples, stored.replace("\\", "")) == {}


def test_what_is_harmless_arrives_as_it_was(stores: Stores) -> None:
    lines, word = credentials.harmless(), secrets.token_hex(8)
    attributes = [
        {key: item for key, item in each.items() if isinstance(item, str | int) and not isinstance(item, bool)}
        for each in credentials.harmless_attributes()
    ]
    records = [{"body": value(line), "attributes": key_values({"word": word})} for line in lines]
    records += [{"body": value("beside"), "attributes": key_values({"word": word} | each)} for each in attributes]
    assert stores.gateway.send("logs", logs(records)) == 200

    def found() -> list[dict[str, Any]]:
        stores.logs.flush()
        return stores.logs.query(f'word:="{word}"')

    wait_until(lambda: len(found()) == len(records), 30, "the records")
    texts = [each["_msg"] for each in found()]
    assert [line for line in lines if line not in texts] == []
    beside = [each for each in found() if each["_msg"] == "beside"]
    told = [{key: str(item) for key, item in each.items()} for each in attributes]
    assert [each for each in told if not any(each.items() <= record.items() for record in beside)] == []


def test_no_credential_is_in_the_agents_queue_on_disk(tmp_path: Path) -> None:
    """The checkpoints beside it know a file by its first bytes, as the container runtime wrote them to the same disk."""
    # Each line is a record: a value on a line of its own has no name, but for a key's.
    samples = [each for each in credentials.samples() if "\n" not in each.line or each.kind.startswith("key:")]
    end = f"end {secrets.token_hex(8)}"
    gateway = GatewayStub()
    agent = Agent(tmp_path, gateway.endpoint, environment=PERSONAL)
    log = ContainerLog(agent.pods)
    with running(agent):
        for each in samples:
            log.write(*each.line.split("\n"))
        log.write(end)

        def queued() -> bytes:
            return b"".join(file.read_bytes() for file in (tmp_path / "state/logs").rglob("*") if file.is_file())

        wait_until(lambda: end.encode() in queued(), 60, "the last line to be queued")
        on_disk = queued().decode("utf-8", "replace")
        assert arrived(samples, on_disk) == {}
        gateway.up()
        wait_until(lambda: end in gateway.bodies(), 60, "the last line to be sent")
    gateway.down()
    assert arrived(samples, repr(gateway.records).replace("\\", "")) == {}
