"""What a client says of its trace decides nothing here: neither whether it is traced nor what of it is kept."""

import json
import urllib.request
from contextlib import suppress
from typing import Any

import pytest
from conftest import Receiver, Start, free_port, wait_until

ID, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MARK = "atlas=important"
OUTSIDE = [
    {"x-forwarded-for": "203.0.113.7"},
    {"x-forwarded-for": ""},
    {"forwarded": "for=203.0.113.7"},
    {"x-real-ip": "203.0.113.7"},
    {"x-envoy-external-address": "203.0.113.7"},
]
EXTRACT = """
import json, os
from opentelemetry import baggage, propagate, trace
from opentelemetry.trace import SpanKind

def told(headers):
    above = propagate.extract(headers)
    parent = trace.get_current_span(above).get_span_context()
    span = trace.get_tracer("t").start_span("GET", above, SpanKind.SERVER)
    with trace.use_span(span):
        inside = trace.get_tracer("t").start_span("inside")
    sent = {}
    propagate.inject(sent, above)
    return {
        "trace": f"{parent.trace_id:032x}", "parent": f"{parent.span_id:016x}",
        "flags": parent.trace_flags, "remote": parent.is_remote,
        "state": parent.trace_state.to_header(), "span_state": span.get_span_context().trace_state.to_header(),
        "recording": span.is_recording(), "inside": inside.is_recording(),
        "baggage": dict(baggage.get_all(above)), "sent": sorted(sent),
    }

print(json.dumps({"told": [told(headers) for headers in json.loads(os.environ["REQUESTS"])]}))
"""


def extracted(start: Start, requests: list[dict[str, str]], **environment: str) -> list[dict[str, Any]]:
    """What becomes of requests with these headers besides an unsampled parent."""
    asked = [{"traceparent": f"00-{ID}-{CALLER}-00"} | headers for headers in requests]
    host = start(EXTRACT, REQUESTS=json.dumps(asked), **environment)
    assert host.wait() == 0, host.errors
    return host.lines[-1]["told"]


def test_of_a_request_from_outside_the_traces_id_stays_and_no_decision(start: Start) -> None:
    claimed = {"tracestate": f"vendor=1,{MARK},ot=th:8;rv:00000000000000,other=2", "baggage": "user=7"}
    for told in extracted(start, [headers | claimed for headers in OUTSIDE]):
        assert (told["trace"], told["parent"], told["flags"], told["remote"]) == (ID, CALLER, 1, True)
        assert told["state"] == told["span_state"] == "vendor=1,other=2"
        assert told["recording"]
        assert told["inside"]
        assert told["baggage"] == {}


def test_a_state_of_decisions_alone_is_none_and_is_not_sent_on(start: Start) -> None:
    (told,) = extracted(start, [OUTSIDE[0] | {"tracestate": f"{MARK},ot=th:8"}])
    assert (told["state"], told["sent"]) == ("", ["traceparent"])


def test_what_is_no_trace_begins_none(start: Start) -> None:
    given = ["", "00-0-0-00", f"00-{'0' * 32}-{CALLER}-01"]
    for told in extracted(start, [OUTSIDE[0] | {"traceparent": each, "tracestate": MARK} for each in given]):
        assert (told["trace"], told["span_state"], told["recording"]) == ("0" * 32, "", True)


def test_a_call_from_inside_keeps_what_it_came_with_and_is_traced_whatever_its_caller_does(start: Start) -> None:
    claimed = {"tracestate": f"{MARK},ot=th:8", "baggage": "user=7"}
    for told in extracted(
        start, [claimed, claimed | {"x-forwarded-host": "ops.example.com"}, claimed | {"via": "1.1 x"}]
    ):
        assert told["state"] == told["span_state"] == f"{MARK},ot=th:8"
        assert told["recording"]
        assert told["baggage"] == {"user": "7"}


def test_the_environments_sampler_decides_for_a_request_from_outside_as_for_a_root(start: Start) -> None:
    sampled = {"traceparent": f"00-{ID}-{CALLER}-01"}
    environment = {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}
    outside, inside = extracted(start, [OUTSIDE[0] | sampled, sampled], **environment)
    assert (outside["recording"], inside["recording"]) == (False, True)


SERVER = """
import os
from aiohttp import web

async def handle(request):
    return web.Response()

app = web.Application()
app.router.add_post("/orders", handle)
app.router.add_get("/prices", handle)
web.run_app(app, host="127.0.0.1", port=int(os.environ["HTTP_PORT"]), print=None)
"""


@pytest.mark.parametrize(
    ("method", "path", "headers", "state"),
    [
        ("POST", "/orders", OUTSIDE[0] | {"tracestate": "atlas=none,ot=th:8,vendor=1"}, f"{MARK},vendor=1"),
        ("GET", "/prices", OUTSIDE[0] | {"tracestate": f"{MARK},ot=rv:ffffffffffffff"}, ""),
        ("POST", "/orders", {}, MARK),
        ("GET", "/prices", {"tracestate": MARK}, MARK),
    ],
    ids=["an order from outside", "a price from outside", "an order from inside", "a price from inside"],
)
def test_in_a_service_whoever_says_so_makes_nothing_untraced(
    start: Start, receiver: Receiver, method: str, path: str, headers: dict[str, str], state: str
) -> None:
    port = free_port()
    start(SERVER, HTTP_PORT=str(port), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="100")
    sent = {"traceparent": f"00-{ID}-{CALLER}-00"} | headers
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers=sent)

    def answered() -> bool:
        with suppress(OSError), urllib.request.urlopen(request, timeout=5) as response:
            return response.status == 200
        return False

    wait_until(answered)
    wait_until(lambda: any(span.kind == 2 for span in receiver.spans))  # as OTLP numbers a server's
    (span,) = [span for span in receiver.spans if span.kind == 2]
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (ID, CALLER, state)
