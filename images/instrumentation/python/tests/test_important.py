"""Which traces are marked for the gateway to keep, and that a mark goes with its trace over both buses."""

import json
from typing import Any

import pytest
from conftest import Receiver, Start, wait_until

TRACEPARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
MARK = "atlas=important"
BEGIN = """
import json, os
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

def state(name="GET", kind="SERVER", attributes=None, parent=None, inside=None):
    above = propagate.extract(parent) if parent else None
    if inside:
        above = trace.set_span_in_context(trace.get_tracer("t").start_span(inside))
    span = trace.get_tracer("t").start_span(name, above, SpanKind[kind], attributes)
    return span.get_span_context().trace_state.to_header()

print(json.dumps({"states": {what: state(**span) for what, span in json.loads(os.environ["SPANS"]).items()}}))
"""


def asked(method: str, path: str) -> dict[str, Any]:
    return {"attributes": {"http.request.method": method, "url.path": path}}


def called(url: str) -> dict[str, Any]:
    return {"kind": "CLIENT", "attributes": {"http.request.method": "POST", "url.full": url}}


def heard(topic: str, exchange: str = "atlas_bus") -> dict[str, Any]:
    named = {"messaging.destination": exchange, "messaging.rabbitmq.destination.routing_key": topic}
    return {"kind": "CONSUMER", "name": "orders receive", "attributes": named}


MATTERS: dict[str, dict[str, Any]] = {
    "an order": asked("POST", "/api/orders"),
    "a cancelled order, in any case": asked("DELETE", "/API/Orders/7"),
    "the kill switch": asked("POST", "/api/kill-switch"),
    "an order by the older names": {"attributes": {"http.method": "POST", "http.target": "/api/orders?x=1"}},
    "a call that places one": called("https://api:8000/api/orders?x=1"),
    "a message by its routing key": heard("order_request"),
    "a message by its exchange": heard("BTC-USD", "orders"),
    "a message on a channel": {"kind": "PRODUCER", "attributes": {"messaging.destination.name": "kill_switch"}},
    "a span by its name": {"kind": "INTERNAL", "name": "riskCheck"},
    "a span that ATLAS_ORDER_SPANS names": {"kind": "INTERNAL", "name": "trade"},
    "whatever is inside of that": {**asked("GET", "/prices"), "inside": "trade"},
}
MATTERS_NOT: dict[str, dict[str, Any]] = {
    "a look at an order": {**asked("GET", "/api/orders/7"), "name": "GET /api/orders/{id}"},
    "a word in a query": {"attributes": {"http.method": "POST", "http.target": "/search?q=order"}},
    "a word in the name of a host": called("http://orders:8000/prices"),
    "a URL that is none": called("http://[order"),
    "a request without a path": {"attributes": {"http.request.method": "POST"}},
    "a price that a queue of orders hears": heard("price_update"),
    "an exposure": {"kind": "PRODUCER", "attributes": {"messaging.destination.name": "exposure_update"}},
    "a query of a table of orders": {"kind": "CLIENT", "name": "SELECT orders"},
    "an order inside of something else": {**asked("POST", "/api/orders"), "inside": "prices"},
}


def states(start: Start, spans: dict[str, dict[str, Any]], **environment: str) -> dict[str, str]:
    """The trace state that each span begins with."""
    host = start(BEGIN, SPANS=json.dumps(spans), **environment)
    assert host.wait() == 0, host.errors
    return host.lines[-1]["states"]


def test_what_changes_orders_risk_or_the_kill_switch_is_marked_and_nothing_else(start: Start) -> None:
    found = states(start, MATTERS | MATTERS_NOT, ATLAS_ORDER_SPANS="trade")
    assert found == dict.fromkeys(MATTERS, MARK) | dict.fromkeys(MATTERS_NOT, "")


def test_the_environment_names_other_words_or_none(start: Start) -> None:
    spans = {"order": asked("POST", "/api/orders"), "trade": asked("POST", "/api/Trades")}
    assert states(start, spans, ATLAS_IMPORTANT_TRACES=" Trade , x") == {"order": "", "trade": MARK}
    assert states(start, spans, ATLAS_IMPORTANT_TRACES=",") == {"order": "", "trade": ""}


def test_a_trace_that_comes_in_keeps_its_other_members_as_many_as_there_is_room_for(start: Start) -> None:
    many = [f"m{number}={'x' * 5}" for number in range(32)]
    incoming = {
        "": MARK,
        "vendor=1,other=2": f"{MARK},vendor=1,other=2",
        "vendor=1,atlas=important": "vendor=1,atlas=important",
        "vendor=1,atlas=other": f"{MARK},vendor=1",
        ",".join(many): ",".join([MARK, *many[:31]]),
        f"a={'x' * 240},b={'x' * 240}": f"{MARK},a={'x' * 240},b={'x' * 240}",
        f"a={'x' * 250},b={'x' * 250}": f"{MARK},a={'x' * 250}",
    }
    spans = {state: asked("POST", "/orders") | {"parent": TRACEPARENT | {"tracestate": state}} for state in incoming}
    assert states(start, spans) == incoming


@pytest.mark.parametrize(("sampler", "sent"), [("traceidratio", 1), ("always_off", 0)])
def test_what_the_environments_sampler_says_is_done(start: Start, receiver: Receiver, sampler: str, sent: int) -> None:
    order = {"name": "order", "kind": "INTERNAL"}
    program = "from opentelemetry import trace\nwith trace.get_tracer('t').start_as_current_span('order'):\n    pass\n"
    host = start(
        program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="1"
    )
    assert host.wait() == 0
    assert [span.trace_state for span in receiver.named("order")] == [MARK] * sent
    assert states(start, {"order": order}, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="1") == {"order": MARK}


EXCHANGE = """
import asyncio, os
import aio_pika, redis.asyncio as redis
from opentelemetry.instrumentation.utils import suppress_instrumentation

async def main():
    connection = await aio_pika.connect(port=int(os.environ["RABBITMQ_PORT"]))
    channel = await connection.channel()
    exchange = await channel.declare_exchange("prices", aio_pika.ExchangeType.TOPIC)
    client = redis.Redis(port=int(os.environ["REDIS_PORT"]))
    by_callback = await channel.declare_queue("orders", exclusive=True)
    by_iterator = await channel.declare_queue(exclusive=True)
    for queue in (by_callback, by_iterator):
        await queue.bind(exchange, "#")

    async def on_message(message):
        await message.ack()

    await by_callback.consume(on_message)
    for topic in ("price_update", "order_update"):
        await client.publish(topic, "{}")
        await exchange.publish(aio_pika.Message(b"{}"), topic)
        with suppress_instrumentation():  # as one publishes who has none
            await exchange.publish(aio_pika.Message(b"{}"), topic)
    async with by_iterator.iterator() as messages:
        for _ in range(4):
            await (await anext(messages)).ack()
    print("done")
    await asyncio.sleep(30)

asyncio.run(main())
"""


def test_of_what_begins_without_a_request_orders_are_marked_and_prices_are_not(
    start: Start, receiver: Receiver, redis_port: int, rabbitmq_port: int
) -> None:
    host = start(
        EXCHANGE,
        REDIS_PORT=str(redis_port),
        RABBITMQ_PORT=str(rabbitmq_port),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        TRACE_REDIS_MESSAGES="true",
    )
    wait_until(lambda: host.saying("done") or host.process.poll() is not None)
    host.stop()
    spans = [span for span in receiver.spans if span.kind in (4, 5)]  # producers and consumers
    for topic, state in (("price_update", ""), ("order_update", MARK)):
        mine = [span for span in spans if topic in str(span.attributes)]
        # By Redis and RabbitMQ; two messages, each heard by callback, and by an iterator, which is a callback as well.
        assert [sum(span.kind == kind for span in mine) for kind in (4, 5)] == [2, 6], (host.lines, host.errors, spans)
        assert {span.trace_state for span in mine} == {state}
