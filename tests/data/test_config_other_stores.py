"""Production's gateway with stores of somebody else's, behind TLS: a Jaeger in place of ours by ``traces.endpoint``, and by
``logs.otlpEndpoint`` a Collector that asks for a token, beside VictoriaLogs or, with ``logs.backend: external``, alone.

What differs from what the program renders: folders, addresses, JSON for the metrics, and the way to the Kubernetes API.
"""

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.addresses import loopback
from tests.support.certificates import self_signed
from tests.support.collector_process import CollectorProcess, Gateway, Sink, attributes, logs, span, traces, value
from tests.support.http_json import request
from tests.support.jaeger_process import Jaeger
from tests.support.synthesis import synthesise
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

SETTINGS = {
    "atlas:traces": {"endpoint": "https://traces.example.com", "queryUrl": "https://traces-query.example.com"},
    "atlas:logs": {"backend": "victorialogs", "otlpEndpoint": "https://logs.example.com"},
    "atlas:loki": {"replicas": 1},
}
ALONE = SETTINGS | {"atlas:logs": {"backend": "external", "otlpEndpoint": "https://logs.example.com"}}
TOKENS = ("traces-token", "logs-token")
SHARE = 0.1
"""Of the ordinary traces, by production's file."""


@dataclass(kw_only=True)
class Others:
    """Production's gateway and what it writes to. What ``collector`` takes it passes on to ``copied``."""

    gateway: Gateway
    jaeger: Jaeger
    collector: CollectorProcess
    store: VictoriaLogs
    copied: Sink


def _rendered(settings: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The gateway's configuration and its variables, as the program renders them for production."""
    changes = {key: json.dumps(each) for key, each in settings.items()}
    tokens = {key: secrets.token_urlsafe(24) for key in ("atlas:tracesToken", "atlas:logsToken")}
    program = synthesise("prod", changes, tokens)
    (text,) = (
        each.inputs["data"]["gateway.yaml"]
        for each in program.of_kind("ConfigMap")
        if "gateway.yaml" in each.inputs["data"]
    )
    workload = program.one("StatefulSet", "otel-collector")
    (container,) = workload.inputs["spec"]["template"]["spec"]["containers"]
    return text, {item["name"]: item["value"] for item in container["env"] if "value" in item}


def _jaeger(folder: Path) -> Jaeger:
    """Somebody else's: our configuration of it with TLS."""

    def encrypted(config: dict[str, Any]) -> None:
        http = config["receivers"]["otlp"]["protocols"]["http"]
        http["tls"] = {"cert_file": str(folder / "jaeger.crt"), "key_file": str(folder / "jaeger.key")}

    jaeger = Jaeger(folder, encrypted)
    self_signed(folder, "jaeger", jaeger.address)
    return jaeger


def _collector(folder: Path, address: str, sink: Sink, token: Path) -> CollectorProcess:
    """Somebody else's: takes logs over TLS from whoever knows the token, and passes them on."""
    crt, key = self_signed(folder, "collector", address)
    http = {
        "endpoint": f"{address}:4318",
        "tls": {"cert_file": str(crt), "key_file": str(key)},
        "auth": {"authenticator": "bearertokenauth"},
    }
    config = {
        "receivers": {"otlp": {"protocols": {"http": http}}},
        "exporters": {"otlp_http": {"endpoint": sink.url, "encoding": "json"}},
        "extensions": {
            "health_check": {"endpoint": f"{address}:13133"},
            "bearertokenauth": {"scheme": "Bearer", "filename": str(token)},
        },
        "service": {
            "extensions": ["health_check", "bearertokenauth"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlp_http"]}},
        },
    }
    return CollectorProcess(folder, address, config, {})


def _in_json(config: dict[str, Any]) -> None:
    """The sink in place of the two Prometheus reads nothing else."""
    for name, exporter in config["exporters"].items():
        if name.startswith("otlp_http/metrics"):
            exporter["encoding"] = "json"


def _others(folder: Path, *, known: bool = True, alone: bool = False) -> Others:
    """Everything, not yet started. Without ``known`` the gateway has another token than the Collector asks for.

    With ``alone`` the Collector is the only store of logs.
    """
    settings = ALONE if alone else SETTINGS
    text, rendered = _rendered(settings)
    given = folder / "gateway/secrets"
    for place in (given, folder / "jaeger", folder / "collector"):
        place.mkdir(parents=True)
    for name in TOKENS:
        (given / name).write_text(secrets.token_urlsafe(24))
    asked = folder / "collector/token"
    asked.write_text((given / "logs-token").read_text() if known else secrets.token_urlsafe(24))
    copying, metrics, copied = loopback(), Sink(), Sink()
    store = VictoriaLogs(folder / "victorialogs")
    jaeger = _jaeger(folder / "jaeger")
    collector = _collector(folder / "collector", copying, copied, asked)
    trusted = folder / "authorities.crt"
    trusted.write_text("".join((folder / f"{name}/{name}.crt").read_text() for name in ("jaeger", "collector")))
    moved = {
        "TRACES_ENDPOINT": f"https://{jaeger.address}:4318",
        "LOGS_ENDPOINT": f"https://{copying}:4318" if alone else store.otlp_url,
        **({} if alone else {"LOGS_COPY_ENDPOINT": f"https://{copying}:4318"}),
        "METRICS_ENDPOINT": metrics.url,
        "METRICS_REPLICA_ENDPOINT": metrics.url,
    }
    assert rendered["TRACES_ENDPOINT"] == SETTINGS["atlas:traces"]["endpoint"]
    assert rendered["LOGS_ENDPOINT" if alone else "LOGS_COPY_ENDPOINT"] == settings["atlas:logs"]["otlpEndpoint"]
    assert moved.keys() == {name for name in rendered if name.endswith("_ENDPOINT")}
    environment = rendered | moved | {"SSL_CERT_FILE": str(trusted), "HOSTNAME": "otel-collector-0"}
    gateway = Gateway(folder / "gateway", {}, text=text, environment=environment, variant=_in_json)
    return Others(gateway=gateway, jaeger=jaeger, collector=collector, store=store, copied=copied)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    found = _others(tmp_path_factory.mktemp("others"))
    with running(found.jaeger), running(found.collector), running(found.store), running(found.gateway):
        yield found


def _trace(others: Others, trace: str) -> tuple[list[dict[str, Any]], str]:
    """A trace's spans and its service, as whoever reads that store gets them; none where it is not there."""
    answer = request(f"{others.jaeger.url}/api/traces/{trace}")
    if answer.status == 404:
        return [], ""
    (found,) = answer.json["data"]
    (service,) = {process["serviceName"] for process in found["processes"].values()}
    return found["spans"], service


def _order(**more: Any) -> list[dict[str, Any]]:
    """An order's trace: a root, its child, and a child of that."""
    trace = secrets.token_hex(16)
    root = span("POST /api/orders", trace=trace, **more)
    check = span("risk check", trace=trace, parentSpanId=root["spanId"], **more)
    return [root, check, span("INSERT", trace=trace, parentSpanId=check["spanId"], **more)]


def _kept(others: Others, sent: list[list[dict[str, Any]]]) -> list[int]:
    """How many spans of each trace are there."""
    return [len(_trace(others, spans[0]["traceId"])[0]) for spans in sent]


def test_what_is_important_or_failed_is_there_whole_and_of_the_rest_a_share(others: Others) -> None:
    important = [_order(traceState="atlas=important") for _ in range(30)]
    failed = [_order(failed=True) for _ in range(30)]
    rest = [_order() for _ in range(400)]
    for each in (*rest, *important, *failed):
        assert others.gateway.send("traces", traces(each)) == 200
    wait_until(lambda: _kept(others, important + failed) == [3] * 60, 30, "every important and every failed trace")
    counted = Counter(_kept(others, rest))
    assert set(counted) == {0, 3}
    # Six standard deviations of a fair share.
    assert abs(counted[3] - SHARE * 400) <= 36


def test_a_span_keeps_its_ids_its_parent_its_name_and_its_attributes(others: Others) -> None:
    told = {"http.route": "/api/orders", "http.request.method": "POST", "order.id": "4711", "order.legs": 2}
    sent = _order(traceState="atlas=important", attributes=told)
    assert others.gateway.send("traces", traces(sent, "workers")) == 200
    wait_until(lambda: _kept(others, [sent]) == [3], 20, "the trace")
    spans, service = _trace(others, sent[0]["traceId"])
    assert service == "workers"
    found = {
        each["spanID"]: (each["traceID"], each["operationName"], [link["spanID"] for link in each["references"]])
        for each in spans
    }
    assert found == {
        each["spanId"]: (each["traceId"], each["name"], [each["parentSpanId"]] if "parentSpanId" in each else [])
        for each in sent
    }
    for each in spans:
        tags = {tag["key"]: tag["value"] for tag in each["tags"]}
        assert told.items() <= tags.items()
        assert tags["span.kind"] == "server"


def test_no_credential_reaches_the_store_of_somebody_else(others: Others) -> None:
    word = secrets.token_hex(12)
    planted = {
        "http.request.header.authorization": f"Bearer {word}",
        "db.connection": f"postgresql://atlas:{word}@db:5432/atlas",
        "order.id": "4711",
    }
    sent = [span(f"login {word[:1]}", failed=True, attributes=planted)]
    sent[0]["status"]["message"] = f"password={word} was refused"
    assert others.gateway.send("traces", traces(sent)) == 200
    line = f"login by postgresql://atlas:{word}@db:5432/atlas of {sent[0]['traceId']}"
    assert others.gateway.send("logs", logs([{"body": value(line), "traceId": sent[0]["traceId"]}])) == 200
    wait_until(lambda: _kept(others, [sent]) == [1], 20, "the span")
    wait_until(lambda: sent[0]["traceId"] in json.dumps(others.copied.taken["logs"]), 20, "the record")
    (kept,), _ = _trace(others, sent[0]["traceId"])
    assert word not in json.dumps(kept)
    assert word not in json.dumps(others.copied.taken["logs"])
    tags = {tag["key"]: tag["value"] for tag in kept["tags"]}
    assert tags["order.id"] == "4711"
    assert tags["db.connection"].endswith("db:5432/atlas")


def _lines(store: VictoriaLogs, word: str) -> Counter[str]:
    """What VictoriaLogs has of the lines with ``word``."""
    return Counter(row["_msg"] for row in store.query(f'"service.name":=api _msg:"{word}"', limit=5000))


def _records(sink: Sink, word: str) -> list[dict[str, Any]]:
    return [record for record in sink.records() if word in record["body"]["stringValue"]]


def test_the_second_store_of_logs_gets_what_the_first_one_gets(others: Others) -> None:
    word = secrets.token_hex(8)
    sent = [f"{word} line {number}" for number in range(600)]
    trace = secrets.token_hex(16)
    for at in range(0, len(sent), 100):
        records = [
            {"body": value(line), "traceId": trace, "severityText": "WARN", "attributes": []}
            for line in sent[at : at + 100]
        ]
        assert others.gateway.send("logs", logs(records)) == 200
    wait_until(lambda: _lines(others.store, word).total() >= 600, 20, "VictoriaLogs")
    wait_until(lambda: len(_records(others.copied, word)) >= 600, 20, "the Collector")
    found = _records(others.copied, word)
    assert Counter(record["body"]["stringValue"] for record in found) == _lines(others.store, word) == Counter(sent)
    assert {(record["traceId"], record["severityText"]) for record in found} == {(trace, "WARN")}
    ours = [each for each in others.copied.taken["logs"] if word in json.dumps(each)]
    names = {attributes(group["resource"])["service.name"] for each in ours for group in each["resourceLogs"]}
    assert names == {"api"}


def test_a_collector_that_asks_for_another_token_gets_nothing_and_victorialogs_all(tmp_path: Path) -> None:
    others = _others(tmp_path, known=False)
    with running(others.collector), running(others.store), running(others.gateway):
        assert others.gateway.send("logs", logs(["one line"])) == 200
        wait_until(lambda: _lines(others.store, "one line").total() == 1, 20, "VictoriaLogs")
        # For good, says the Collector: it does not try again, and CollectorDropping counts what is lost there.
        wait_until(lambda: "401" in others.gateway.log(), 20, "the refusal")
        lost = r'^otelcol_exporter_send_failed_log_records_total\{.*exporter="otlp_http/logs_copy".*\} 1$'
        wait_until(lambda: re.search(lost, others.gateway.own_metrics(), re.M), 10, "the count of what is lost")
    assert others.copied.taken["logs"] == []
    assert others.copied.authorizations == []


def test_an_external_store_of_logs_is_the_only_one(tmp_path: Path) -> None:
    others = _others(tmp_path, alone=True)
    with running(others.collector), running(others.gateway):
        assert others.gateway.send("logs", logs(["one line"])) == 200
        wait_until(lambda: len(_records(others.copied, "one line")) == 1, 20, "the Collector")
        exporters = set(re.findall(r'_queue_capacity\{.*exporter="([^"]+)"', others.gateway.own_metrics()))
    assert {name for name in exporters if "logs" in name} == {"otlp_http/logs"}
