"""One unmodified worker on real buses: whose child is which span, what its lines carry, what it counts."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import EACH_AGE, Host, Receiver, Start, free_port, wait_until
from opentelemetry.proto.trace.v1 import trace_pb2

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Worker:
    def __init__(self, host: Host, port: int, metrics: int) -> None:
        self.host, self.port, self.metrics = host, port, metrics

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, named)
        try:
            with urllib.request.urlopen(request) as answer:
                answer.read()
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as answer:
            return answer.code, {name.lower(): value for name, value in answer.headers.items()}

    def scraped(self) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.metrics}/metrics",
            headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        )
        with urllib.request.urlopen(request) as page:
            return page.read().decode()


@pytest.fixture
def worker(start: Start, receiver: Receiver, redis_port: int, rabbitmq_port: int) -> Worker:
    port, metrics = free_port(), free_port()
    host = start(
        "worker.py",
        PORT=str(port),
        METRICS_PORT=str(metrics),
        REDIS_PORT=str(redis_port),
        RABBITMQ_PORT=str(rabbitmq_port),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_BSP_SCHEDULE_DELAY="100",
        TRACE_REDIS_MESSAGES="true",
    )
    wait_until(lambda: host.saying("ready") or host.process.poll() is not None, 60)
    assert host.process.poll() is None, (host.lines, host.wait(), host.errors)
    return Worker(host, port, metrics)


@EACH_AGE
def test_a_message_belongs_to_its_publishers_trace_on_both_buses_and_in_each_way_of_listening(
    worker: Worker, receiver: Receiver
) -> None:
    body = json.dumps({"product": "BTC-USD", "exposure": 5}).encode()
    assert worker.ask("/publish", body, **TRACEPARENT)[0] == 200
    heard = ("heard on redis", "heard by callback", "heard by iterator")
    lines = [wait_until(lambda word=word: worker.host.saying(word))[0] for word in heard]
    assert {(line["message"].partition(":")[0], line.get("trace_id")) for line in lines} == {
        (word, TRACE) for word in heard
    }
    assert all(json.loads(line["message"].partition(": ")[2]) == json.loads(body) for line in lines), (
        "the envelope is taken out"
    )
    # A span ends after its line, and one that has not ended is not sent: stop only then.
    wait_until(lambda: _ended(receiver, [line["span_id"] for line in lines]))
    worker.host.stop()

    spans = {span.span_id.hex(): span for span in _of_the_trace(receiver)}
    for line in lines:
        upwards = [spans[line["span_id"]]]
        while upwards[-1].parent_span_id.hex() in spans:
            upwards.append(spans[upwards[-1].parent_span_id.hex()])
        assert upwards[-1].parent_span_id.hex() == PARENT
        kinds = [span.kind for span in upwards]
        assert kinds[0] in (1, 5), "handled by a consumer"  # internal or consumer, as OTLP numbers them
        assert 4 in kinds, "published by a producer"
        assert kinds[-1] == 2, "for a request"


def _of_the_trace(receiver: Receiver) -> list[trace_pb2.Span]:
    return [span for span in list(receiver.spans) if span.trace_id.hex() == TRACE]


def _ended(receiver: Receiver, spans: list[str]) -> bool:
    """Whether the receiver has these spans, and the request's own, which ends when it has been answered."""
    there = _of_the_trace(receiver)
    return {span.span_id.hex() for span in there} >= set(spans) and any(span.kind == 2 for span in there)


@pytest.mark.parametrize(("path", "mark"), [("/orders", "atlas=important,"), ("/publish", "")])
def test_the_mark_of_an_order_goes_with_every_span_over_both_buses(
    worker: Worker, receiver: Receiver, path: str, mark: str
) -> None:
    assert worker.ask(path, b'{"n": 1}', tracestate="vendor=1", **TRACEPARENT)[0] == 200
    wait_until(lambda: all(worker.host.saying(f"heard {word}") for word in ("on redis", "by callback", "by iterator")))

    def kinds() -> list[int]:
        return [sum(span.kind == kind for span in _of_the_trace(receiver)) for kind in (2, 4, 5)]

    # OpenTelemetry's own instrumentation sees the iterator as a callback as well.
    expected = [1, 2, 4]
    wait_until(lambda: kinds() == expected)
    worker.host.stop()
    assert kinds() == expected
    assert {span.trace_state for span in _of_the_trace(receiver)} == {f"{mark}vendor=1"}


def test_a_subscriber_that_knows_nothing_sees_one_field_more(worker: Worker, redis_port: int) -> None:
    listener = subprocess.Popen(
        ["redis-cli", "-p", str(redis_port), "subscribe", "exposure_update"], stdout=subprocess.PIPE, text=True
    )
    assert listener.stdout
    assert listener.stdout.readline().strip() == "subscribe"
    worker.ask("/publish", b'{"n": 1}', **TRACEPARENT)
    worker.ask("/publish", b"[1]", **TRACEPARENT)
    seen = [json.loads(line) for line in (listener.stdout.readline() for _ in range(8)) if line[0] in "{["]
    listener.kill()
    listener.wait()
    assert seen[0]["n"] == 1
    assert seen[0]["_trace"]["traceparent"].startswith(f"00-{TRACE}-")
    assert seen[1] == [1], "what is no object stays as it is"


@EACH_AGE
def test_a_request_has_an_id_on_its_lines_and_in_its_answer(worker: Worker) -> None:
    _, headers = worker.ask("/orders/7", x_request_id="abc-1")
    assert headers["x-request-id"] == "abc-1"
    (line,) = wait_until(lambda: worker.host.saying("order read"))
    assert (line["request_id"], line["order_id"]) == ("abc-1", "7")
    _, headers = worker.ask("/orders/8", x_request_id="two words")
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"]), "what could break a line is replaced"
    status, headers = worker.ask("/orders/bad", x_request_id="abc-2")
    assert (status, headers["x-request-id"]) == (400, "abc-2")


@EACH_AGE
def test_requests_are_counted_by_route_and_never_by_path(worker: Worker) -> None:
    for path in ("/orders/1", "/orders/2", "/orders/bad", "/nowhere", "/stream"):
        worker.ask(path)
    page = worker.scraped()
    counted = dict(re.findall(r"^http_requests_total\{(.*?)\} (\S+)", page, re.MULTILINE))
    assert counted == {
        'method="GET",route="/orders/{id}",status="200"': "2.0",
        'method="GET",route="/orders/{id}",status="400"': "1.0",
        'method="GET",route="unmatched",status="404"': "1.0",
        'method="GET",route="/stream",status="200"': "1.0",
    }
    assert 'http_request_duration_seconds_bucket{le="0.2",method="GET",route="/orders/{id}",status="200"} 2.0' in page
    assert "http_request_duration_seconds_count" in page
    assert 'duration_seconds_count{method="GET",route="/stream"' not in page, "a stream's duration is no latency"
    assert re.search(r'_bucket\{.*\} \S+ # \{trace_id="[0-9a-f]{32}"\}', page), "exemplars lead to traces"
    assert "process_start_time_seconds" in page


def test_what_a_hosts_own_histogram_observes_in_a_span_leads_to_its_trace(start: Start, tmp_path: Path) -> None:
    page = tmp_path / "page"
    program = f"""
import pathlib
from opentelemetry import trace
from prometheus_client import REGISTRY, Histogram
from prometheus_client.openmetrics.exposition import generate_latest
own = Histogram("own_seconds", "Own.", ["kind"])
with trace.get_tracer("t").start_as_current_span("work"):
    own.labels("inside").observe(0.1)
    own.labels("given").observe(0.1, {{"trace_id": "mine"}})
own.labels("outside").observe(0.1)
pathlib.Path({str(page)!r}).write_text(generate_latest(REGISTRY).decode())
print("works")
"""
    host = start(program, OTEL_EXPORTER_OTLP_ENDPOINT="")
    wait_until(lambda: host.saying("works"))
    led = re.findall(r'own_seconds_bucket\{kind="(\w+)",.*# \{trace_id="(\w+)"\}', page.read_text())
    assert [kind for kind, _ in led] == ["inside", "given"]
    assert re.fullmatch(r"[0-9a-f]{32}", led[0][1])
    assert led[1][1] == "mine"


@EACH_AGE
def test_a_call_of_another_service_is_a_child(worker: Worker, receiver: Receiver) -> None:
    worker.ask("/call", **TRACEPARENT)
    worker.host.stop()
    spans = {span.span_id: span for span in _of_the_trace(receiver)}
    served = [span for span in spans.values() if span.kind == 2 and "/orders/{id}" in span.name]
    assert [spans[span.parent_span_id].kind for span in served] == [3], "the server's span is the child of the client's"


@pytest.mark.parametrize("protocol", ["grpc"])
def test_spans_are_sent_when_a_host_is_told_to_stop(start: Start, receiver: Receiver, protocol: str) -> None:
    program = (
        "import time\nfrom opentelemetry import trace\ntrace.get_tracer('t').start_span('last').end()\n"
        "print('works')\ntime.sleep(30)\n"
    )
    host = start(
        program,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_BSP_SCHEDULE_DELAY="60000",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
    )
    wait_until(lambda: host.saying("works"))
    assert receiver.named("last") == []
    assert host.stop() == -15
    assert len(receiver.named("last")) == 1


def test_a_job_within_a_trace_continues_it(start: Start, receiver: Receiver) -> None:
    program = "from opentelemetry import trace\ntrace.get_tracer('t').start_span('step').end()\n"
    host = start(program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, TRACEPARENT=TRACEPARENT["traceparent"])
    assert host.wait() == 0
    (span,) = receiver.named("step")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


ORDERS = """
import asyncio
from opentelemetry import trace
from prometheus_client import generate_latest
from atlas_instrumentation import order_processing

@order_processing(outcome=lambda result: result)
async def place(kind):
    if kind == "raise":
        raise ValueError
    return kind

@order_processing
def cancel():
    pass

async def main():
    for kind in ("filled", "filled", "refused"):
        await place(kind)
    try:
        await place("raise")
    except ValueError:
        pass
    cancel()
    tracer = trace.get_tracer("t")
    with tracer.start_as_current_span("process_order") as span:
        span.set_attribute("order.outcome", "partial")
    with tracer.start_as_current_span("something_else"):
        pass

asyncio.run(main())
for line in generate_latest().decode().splitlines():
    if line.startswith("atlas_order_processing_seconds_count"):
        print(line)
"""


def test_orders_are_measured_by_decorator_and_by_span_name(start: Start) -> None:
    host = start(ORDERS)
    assert host.wait() == 0
    counted = dict(re.findall(r'outcome="(\w+)"\} (\S+)', "\n".join(line["message"] for line in host.lines)))
    assert counted == {"filled": "2.0", "refused": "1.0", "error": "1.0", "done": "1.0", "partial": "1.0"}


def test_a_host_with_a_metric_of_that_name_measures_by_itself(start: Start) -> None:
    program = (
        "from prometheus_client import Histogram\nfrom opentelemetry import trace\n"
        "own = Histogram('atlas_order_processing_seconds', 'own', ['outcome'])\n"
        "with trace.get_tracer('t').start_as_current_span('process_order'): pass\n"
        "from prometheus_client import generate_latest\nprint(generate_latest().decode().count('outcome='))\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["0"]
