"""The gateway's configuration on the real Collector: nothing is lost, doubled or leaked, and what is counted is true."""

import base64
import json
import re
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest

from tests.support.collector_process import Gateway, Sink, attributes, key_values, logs, span, traces, value
from tests.support.tool_process import running
from tests.support.waiting import settle, wait_until

SHARE = 25.0
ORDINARY = 800


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Gateway]:
    with running(Gateway(tmp_path_factory.mktemp("gateway"), sink, sampling=SHARE)) as started:
        yield started


def _ids(spans: list[dict[str, Any]]) -> Counter[str]:
    return Counter(item["spanId"] for item in spans)


def _kept(sink: Sink, sent: list[dict[str, Any]]) -> Counter[str]:
    """How often each span of ``sent`` arrived. The last span sent is one that is always kept: when it is there, all are."""
    wait_until(lambda: sent[-1]["spanId"] in _ids(sink.spans()), 10, "the spans to arrive")
    arrived = _ids(sink.spans())
    return Counter({item["spanId"]: arrived[item["spanId"]] for item in sent if arrived[item["spanId"]]})


IMPORTANT: dict[str, dict[str, Any]] = {
    "failed": {"failed": True},
    "answered with 500": {"attributes": {"http.route": "/api/orders", "http.response.status_code": 500}},
    "answered with 404": {"attributes": {"http.route": "/api/orders", "http.response.status_code": 404}},
    "answered with 503, under the attribute's old name": {
        "attributes": {"http.route": "/api/orders", "http.status_code": 503}
    },
    "slow": {"milliseconds": 201},
    "of a trace that its root marked": {"traceState": "vendor=1,atlas=important"},
    "marked by itself": {"attributes": {"sampling.important": True}},
}
ORDINARY_KINDS: dict[str, dict[str, Any]] = {
    "fast and well": {"attributes": {"http.route": "/api/orders", "http.response.status_code": 200}},
    "a redirect": {"attributes": {"http.route": "/", "http.response.status_code": 302}},
    "an event stream, long by nature": {"milliseconds": 60_000, "attributes": {"http.route": "/api/streams/sse"}},
    "asking to be kept, which is not the sender's choice": {"attributes": {"sampling.priority": 1}},
}


@pytest.mark.parametrize("kind", IMPORTANT)
def test_every_important_span_is_kept_once(gateway: Gateway, sink: Sink, kind: str) -> None:
    sent = [span(**IMPORTANT[kind]) for _ in range(60)]
    assert gateway.send("traces", traces(sent)) == 200
    assert _kept(sink, sent) == Counter({item["spanId"]: 1 for item in sent})


@pytest.mark.parametrize("kind", ORDINARY_KINDS)
def test_of_ordinary_spans_the_set_share_is_kept_once(gateway: Gateway, sink: Sink, kind: str) -> None:
    sent = [*(span(**ORDINARY_KINDS[kind]) for _ in range(ORDINARY)), span(failed=True)]
    assert gateway.send("traces", traces(sent)) == 200
    kept = _kept(sink, sent)
    assert set(kept.values()) == {1}
    # Five standard deviations of a fair choice: a right gateway fails here once in a million runs.
    expected, spread = ORDINARY * SHARE / 100, 5 * (ORDINARY * SHARE / 100 * (1 - SHARE / 100)) ** 0.5
    assert abs(len(kept) - 1 - expected) < spread


def test_another_gateway_and_another_request_decide_the_same_for_a_trace(
    gateway: Gateway, sink: Sink, tmp_path: Path
) -> None:
    ids = [secrets.token_hex(16) for _ in range(200)]
    here = [[*(span(trace=trace) for trace in ids), span(failed=True)] for _ in range(2)]
    there = [*(span(trace=trace) for trace in ids), span(failed=True)]
    for request in here:
        assert gateway.send("traces", traces(request)) == 200
    elsewhere = Sink()
    with running(Gateway(tmp_path, elsewhere, sampling=SHARE)) as other:
        assert other.send("traces", traces(there)) == 200
        kept_there = _kept(elsewhere, there)

    def chosen(sent: list[dict[str, Any]], kept: Counter[str]) -> set[str]:
        return {item["traceId"] for item in sent[:-1] if item["spanId"] in kept}

    choices = [chosen(request, _kept(sink, request)) for request in here]
    assert choices[0] == choices[1] == chosen(there, kept_there)
    assert 0 < len(choices[0]) < len(ids)


def test_span_metrics_count_every_span_before_sampling(gateway: Gateway, sink: Sink) -> None:
    service = f"counted-{secrets.token_hex(4)}"
    kinds = {
        ("/api/orders", "200", "STATUS_CODE_UNSET"): 300,
        ("/api/orders", "500", "STATUS_CODE_ERROR"): 40,
        ("/healthz", "200", "STATUS_CODE_UNSET"): 60,
    }
    for (route, code, status), count in kinds.items():
        told = {"http.route": route, "http.method": "GET", "http.status_code": int(code)}
        spans = [span(f"GET {route}", failed=status == "STATUS_CODE_ERROR", attributes=told) for _ in range(count)]
        # From several pods, as a deployment sends them: the counts must not fall apart by pod.
        for pod in range(4):
            part = spans[pod::4]
            assert (
                gateway.send(
                    "traces",
                    traces(part, service=service, **{"k8s.pod.name": f"pod-{pod}", "service.instance.id": str(pod)}),
                )
                == 200
            )

    def counted() -> dict[tuple[Any, Any, Any], int]:
        latest: dict[tuple[Any, Any, Any], int] = {}
        for resource, metric in sink.metrics("traces.span.metrics.calls"):
            if resource.get("service.name") == service:
                for point in metric["sum"]["dataPoints"]:
                    labels = attributes(point)
                    assert labels["http.request.method"] == "GET"
                    assert labels["collector.instance.id"] == "otel-collector-0"
                    latest[labels["http.route"], labels["http.response.status_code"], labels["status.code"]] = int(
                        point["asInt"]
                    )
        return latest

    wait_until(lambda: sum(counted().values()) >= sum(kinds.values()), 10, "the span metrics")
    assert counted() == kinds
    histograms = [
        (resource, metric)
        for resource, metric in sink.metrics("traces.span.metrics.duration")
        if resource["service.name"] == service
    ]
    resource, metric = histograms[-1]
    assert not {"k8s.pod.name", "service.instance.id"} & set(resource)
    assert metric["unit"] == "s"
    assert any(point.get("exemplars") for _, histogram in histograms for point in histogram["histogram"]["dataPoints"])


def test_span_metrics_stay_bounded_and_complete_when_names_explode(gateway: Gateway, sink: Sink) -> None:
    service = f"exploding-{secrets.token_hex(4)}"
    for part in range(3):
        assert (
            gateway.send("traces", traces([span(f"GET /order/{part}-{n}") for n in range(1500)], service=service))
            == 200
        )

    def points() -> list[dict[str, Any]]:
        found = [
            metric["sum"]["dataPoints"]
            for resource, metric in sink.metrics("traces.span.metrics.calls")
            if resource.get("service.name") == service
        ]
        return found[-1] if found else []

    wait_until(lambda: sum(int(point["asInt"]) for point in points()) == 4500, 10, "every span to be counted")
    assert len(points()) == 2001
    overflow = [point for point in points() if attributes(point).get("otel.metric.overflow")]
    assert [int(point["asInt"]) for point in overflow] == [2500]


def _credentials() -> dict[str, str]:
    """Fresh credentials of every kind that the platform has, by where they would be seen."""
    word = secrets.token_urlsafe(24)
    body = base64.b64encode(secrets.token_bytes(120)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    part = lambda size: base64.urlsafe_b64encode(secrets.token_bytes(size)).decode().rstrip("=")  # noqa: E731
    return {
        "a JWT": f"eyJ{part(20)}.eyJ{part(40)}.{part(32)}",
        "a PEM block": "\n".join(["-----BEGIN EC PRIVATE " + "KEY-----", *lines, "-----END EC PRIVATE " + "KEY-----"]),
        "a PEM block in JSON": "\\n".join(
            ["-----BEGIN PRIVATE " + "KEY-----", *lines, "-----END PRIVATE " + "KEY-----"]
        ),
        "a cut PEM block": "\n".join(["-----BEGIN RSA PRIVATE " + "KEY-----", *lines[:2]]),
        "a Slack bot token": f"xoxb-{secrets.randbits(40)}-{secrets.token_hex(12)}",
        "a Slack app token": f"xapp-1-{secrets.token_hex(12)}",
        "a Slack webhook": f"https://hooks.slack.com/services/T{secrets.token_hex(4)}/B{secrets.token_hex(4)}/{secrets.token_hex(12)}",
        "a Teams webhook": f"https://example.webhook.office.com/webhookb2/{secrets.token_hex(16)}",
        "a URL's password": f"postgresql://atlas:{word}@db:5432/atlas",
        "a URL's password without a user": f"redis://:{word}@cache:6379/0",
        "an authorization header": f"Authorization: Basic {base64.b64encode(word.encode()).decode()}",
        "a bearer": f"bearer {word}",
        "an assignment": f"POSTGRES_PASSWORD={word}",
        "a JSON member": json.dumps({"password": word, "product": "BTC-USD"}),
        "an escaped JSON member": json.dumps(json.dumps({"api_key": word})),
        "an API key": f"api-key: {word}",
        "an API secret": f"COINBASE_CLIENT_SECRET='{word}'",
        "a passphrase": f"coinbase_passphrase={word}",
        "a token": f"SLACK_BOT_TOKEN={word}{word}",
        "a token in JSON": json.dumps({"refresh_token": word + word}),
        "a secret in YAML": f"client_secret: {word}",
        "an API key in the environment": f"COINBASE_API_KEY={word}",
    }


def _secret_parts(credential: str) -> list[str]:
    """What must not be found: the long words of the credential, whatever stands around them."""
    words = (
        credential.replace("\\n", " ")
        .replace("/", " ")
        .replace(".", " ")
        .replace("@", " ")
        .replace(":", " ")
        .replace('"', " ")
        .replace("=", " ")
        .split()
    )
    return [word.strip("'\\") for word in words if len(word) >= 20 and not re.fullmatch("[A-Z_]+", word)]


def _everywhere(gateway: Gateway, sink: Sink, texts: list[str], under: dict[str, Any]) -> str:
    """Send ``texts`` in every place that a text can have, and ``under`` as attributes; all that the stores then hold of it."""
    sink.taken["logs"].clear()
    sink.taken["traces"].clear()
    bodies = [
        item
        for text in texts
        for item in (
            text,
            {
                "body": value({"msg": text, "deep": {"list": [text]}}),
                "attributes": key_values({"error": text, "context": {"inner": [text]}}),
            },
        )
    ]
    bodies += [{"body": value({"outer": under} | under), "attributes": key_values(under)}]
    event = {"name": "exception", "timeUnixNano": "1", "attributes": key_values(under)}
    spans = [span(failed=True, attributes=under | {key: [item] for key, item in under.items()}, events=[event])]
    for text in texts:
        event = {"name": text, "timeUnixNano": "1", "attributes": key_values({"exception.message": text})}
        carrier = span(
            f"GET {text}",
            failed=True,
            attributes={"db.statement": text, "http.request.header.x": [text]},
            events=[event],
        )
        carrier["status"]["message"] = text
        spans.append(carrier)
    end = f"end {secrets.token_hex(8)}"
    where = {f"place{number}": text for number, text in enumerate(texts)}
    assert gateway.send("logs", logs([*bodies, end], **where)) == 200
    assert gateway.send("traces", traces(spans, **where)) == 200
    wait_until(lambda: end in _arrived(sink), 10, "the logs")
    wait_until(lambda: spans[-1]["spanId"] in _ids(sink.spans()), 10, "the spans")
    return json.dumps([sink.taken["logs"], sink.taken["traces"]])


def test_a_credential_reaches_no_store_wherever_it_stands(gateway: Gateway, sink: Sink) -> None:
    credentials = {kind: f"order 42 accepted {credential}" for kind, credential in _credentials().items()}
    stored = _everywhere(gateway, sink, list(credentials.values()), {})
    assert {kind: part for kind, text in credentials.items() for part in _secret_parts(text) if part in stored} == {}
    assert stored.count("order 42 accepted") >= 10 * len(credentials)


def test_the_value_under_a_secret_key_reaches_no_store(gateway: Gateway, sink: Sink) -> None:
    keys = [
        "password",
        "db.password",
        "COINBASE_API_SECRET",
        "x-api-key",
        "http.request.header.authorization",
        "set-cookie",
        "session_token",
        "token",
        "passWord",
        "PGPASSWD",
        "signing.passphrase",
        "sslPassPhrase",
        "KEYSTORE_PASSPHRASE",
        "clientSecret",
        "apikey",
        "apiKey",
        "X-API-Key",
        "COINBASE_API_KEY",
        "private.key",
        "privateKey",
        "TLS_PRIVATE_KEY",
        "Private-Key",
        "HTTP_AUTHORIZATION",
        "Cookie",
        "HTTP_COOKIE",
        "awsCredentials",
        "CREDENTIALS",
        "Token",
        "nextToken",
        "next.token",
        "SLACK_BOT_TOKEN_OLD",
        "accessTokenOld",
        "refresh_token_old",
        "session-token-old",
        "authTokens",
        "csrf_tokens",
        "bot.token.old",
        "appToken2",
        "id_token_hint",
    ]
    words = {key: f"q{secrets.token_hex(3)}z" for key in keys}
    stored = _everywhere(gateway, sink, ["kept"], {key: f"{word}\n{word}" for key, word in words.items()})
    assert [key for key, word in words.items() if word in stored] == []


def test_a_pem_block_logged_line_by_line_reaches_no_store(gateway: Gateway, sink: Sink) -> None:
    body = base64.b64encode(secrets.token_bytes(121)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    assert gateway.send("logs", logs(["-----BEGIN EC PRIVATE " + "KEY-----", *lines, "end of block"])) == 200
    wait_until(lambda: "end of block" in _arrived(sink), 10, "the logs")
    stored = json.dumps(sink.taken["logs"])
    assert [line for line in lines if line in stored] == []


HARMLESS = [
    "order executed in 12 ms, trade 4711, price 64123.50",
    secrets.token_hex(32),
    "Basic authentication is off",
    "token refreshed, 3 tokens left",
    "the secret ingredient is time: 30 s",
    "GET http://api:8000/api/orders/42?at=10:30 200",
    "user@example.com logged in",
    "kubernetes key: value",
    "/usr/local/lib/python3/site-packages/workers/main",
]


def test_what_is_no_credential_stays_as_it_is(gateway: Gateway, sink: Sink) -> None:
    kept = {
        "trace_id": secrets.token_hex(16),
        "container.image.id": f"sha256:{secrets.token_hex(32)}",
        "http.request.body.size": 12,
        "tokens_used": "31",
        "token_symbol": "ETH",
        "base.token.decimals": "18",
        "sold_token_amount": "3",
        "keystone": "kept",
        "assigned": "kept",
    }
    records = [{"body": value(text), "attributes": key_values(kept)} for text in HARMLESS]
    assert gateway.send("logs", logs(records)) == 200
    wait_until(lambda: HARMLESS[-1] in _arrived(sink), 10, "the logs")
    arrived = {item["body"].get("stringValue"): attributes(item) for item in sink.records()}
    expected = {key: str(item) for key, item in kept.items()}
    assert {text: arrived.get(text) for text in HARMLESS} == dict.fromkeys(HARMLESS, expected)


def test_a_monstrous_record_is_cut_and_its_neighbours_arrive(gateway: Gateway, sink: Sink) -> None:
    end = secrets.token_hex(8)
    many = key_values({f"key{n}": "x" * 20 for n in range(10_000)} | {"request_id": end})
    monsters = [
        {"body": value("é" * 2_500_000)},
        {"body": value("many"), "attributes": many},
        {"body": value("long"), "attributes": key_values({"blob": "y" * 3_000_000})},
    ]
    assert gateway.send("logs", logs([f"before {end}", *monsters, f"after {end}"])) == 200
    wide = span(failed=True, attributes={f"key{n}": "x" * 20_000 for n in range(500)} | {"http.route": "/api/orders"})
    assert gateway.send("traces", traces([wide])) == 200
    wait_until(lambda: f"after {end}" in _arrived(sink), 20, "the logs")
    wait_until(lambda: wide["spanId"] in _ids(sink.spans()), 20, "the span")
    bodies = {item["body"].get("stringValue", ""): item for item in sink.records()}
    assert f"before {end}" in bodies
    assert [len(text.encode()) for text in bodies if text.startswith("é")] == [250_000]
    assert len(attributes(bodies["many"])) == 64 + 1  # and the mark that says so
    assert attributes(bodies["many"])["request_id"] == end
    assert len(attributes(bodies["long"])["blob"]) == 8192
    told = next(attributes(item) for item in sink.spans() if item["spanId"] == wide["spanId"])
    assert len(told) == 128 + 2  # and the marks by which it was kept and that it was cut
    assert told["http.route"] == "/api/orders"
    assert max(len(str(item)) for item in told.values()) == 8192


def test_records_are_taken_over_grpc_too(gateway: Gateway, sink: Sink) -> None:
    def field(number: int, inside: bytes) -> bytes:
        return bytes([number << 3 | 2, len(inside)]) + inside

    text = f"by gRPC {secrets.token_hex(8)}"
    request = field(1, field(2, field(2, field(5, field(1, text.encode())))))
    with grpc.insecure_channel(f"{gateway.address}:4317") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        refused_nothing = field(1, b"")
        assert export(request, timeout=10) in (b"", refused_nothing)
    wait_until(lambda: text in _arrived(sink), 10, "the record")


def test_the_gateway_asks_for_pods_of_two_namespaces_only_and_for_none_that_ended(gateway: Gateway) -> None:
    """The address of a job that is done is another pod's by then."""
    asked = {
        (urlsplit(path).path, *parse_qs(urlsplit(path).query)["fieldSelector"]) for path in gateway.kubernetes.asked
    }
    running = "status.phase!=Failed,status.phase!=Succeeded"
    assert asked == {(f"/api/v1/namespaces/{namespace}/pods", running) for namespace in ("node-agents", "trading")}


def test_the_gateway_says_how_it_is(gateway: Gateway) -> None:
    told = gateway.own_metrics()
    for name in (
        "otelcol_exporter_queue_size",
        "otelcol_exporter_queue_capacity",
        "otelcol_exporter_sent_spans_total",
        "otelcol_receiver_accepted_log_records_total",
    ):
        assert f"\n{name}{{" in told
    assert all(json.loads(line) for line in gateway.log().splitlines())


def _numbered(start: int, requests: int) -> list[list[str]]:
    return [[f"number {number}" for number in range(at, at + 10)] for at in range(start, start + requests * 10, 10)]


def _acknowledged(gateway: Gateway, batches: list[list[str]]) -> list[str]:
    return [line for batch in batches if gateway.send("logs", logs(list(batch))) == 200 for line in batch]


def _arrived(sink: Sink) -> Counter[str]:
    return Counter(item["body"].get("stringValue", "") for item in sink.records())


def _drill(gateway: Gateway, sink: Sink) -> tuple[set[str], Counter[str]]:
    """Kill the gateway twice and stop it once while the store is out; what was acknowledged, and what came in the end."""
    sink.down = True
    acknowledged: list[str] = []
    gateway.start()
    try:
        for turn, how in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
            acknowledged += _acknowledged(gateway, _numbered(turn * 1000, 40))
            gateway.stop(how)
            gateway.start()
        sink.down = False
        acknowledged += _acknowledged(gateway, [["number last"]])
        wait_until(lambda: "number last" in _arrived(sink), 20, "the store to be written to again")
        settle(lambda: _arrived(sink), lambda found: found.keys() >= set(acknowledged))
    finally:
        gateway.stop()
    return set(acknowledged), _arrived(sink)


def test_killed_and_stopped_while_the_store_is_out_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    sink = Sink()
    acknowledged, arrived = _drill(Gateway(tmp_path, sink), sink)
    assert len(acknowledged) == 1201
    assert acknowledged - set(arrived) == set()
    assert [line for line, count in arrived.items() if count > 1] == []


def test_the_drill_sees_the_loss_of_a_queue_in_memory(tmp_path: Path) -> None:
    def in_memory(config: dict[str, Any]) -> None:
        del config["exporters"]["otlp_http/logs"]["sending_queue"]["storage"]

    sink = Sink()
    acknowledged, arrived = _drill(Gateway(tmp_path, sink, variant=in_memory), sink)
    assert len(acknowledged - set(arrived)) >= 400


def test_a_full_queue_refuses_and_keeps_what_it_took(tmp_path: Path) -> None:
    def small(config: dict[str, Any]) -> None:
        config["exporters"]["otlp_http/logs"]["sending_queue"] |= {
            "queue_size": 2_000_000,
            "batch": {"sizer": "bytes", "min_size": 100_000, "max_size": 500_000, "flush_timeout": "200ms"},
        }

    sink = Sink()
    sink.down = True
    gateway = Gateway(tmp_path, sink, variant=small)
    filler = "z" * 20_000
    with running(gateway):
        batches = [[f"number {n} {filler}" for n in range(at, at + 10)] for at in range(0, 300, 10)]
        acknowledged = _acknowledged(gateway, batches)
        assert 0 < len(acknowledged) < 300
        gateway.stop(signal.SIGKILL)
        gateway.start()
        sink.down = False
        wait_until(lambda: set(acknowledged) <= set(_arrived(sink)), 20, "all that was acknowledged")
        assert _acknowledged(gateway, [["number last"]]) == ["number last"]
