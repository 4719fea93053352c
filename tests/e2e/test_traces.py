"""From a service's spans to Jaeger: one order's whole way, what sampling keeps, and what span metrics count before it."""

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.deployed_copy import SAMPLING
from tests.e2e.running_stack import RunningStack, awaited
from tests.support.collector_process import span
from tests.support.collector_process import traces as otlp_traces

ORDER = {"product": "BTC-USD", "side": "buy", "size": 0.001}
ORDINARY, BATCH = 500, 50
KEPT_WHOLE = 60
"""Traces of each kind of which nothing may lack."""


def kind(each: Mapping[str, Any]) -> str:
    return next((tag["value"] for tag in each["tags"] if tag["key"] == "span.kind"), "internal")


def way(spans: list[dict[str, Any]], last: dict[str, Any]) -> list[str]:
    """The spans from the root to ``last`` at which the trace enters or leaves a service: ``service kind``."""
    by_id, found = {each["spanID"]: each for each in spans}, list[str]()
    at: dict[str, Any] | None = last
    while at:
        if kind(at) != "internal":
            found.append(f"{at['service']} {kind(at)}")
        parents = [each["spanID"] for each in at["references"] if each["refType"] == "CHILD_OF"]
        at = by_id.get(parents[0]) if parents else None
    return found[::-1]


def test_an_order_is_one_trace_from_the_api_over_the_bus_to_the_worker(stack: RunningStack) -> None:
    trace, request, user = secrets.token_hex(16), secrets.token_hex(8), f"u-{secrets.token_hex(4)}"
    headers = {
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
        "x-request-id": request,
        "x-user-id": user,
    }
    placed = stack.ask("api", "/api/orders", ORDER, headers=headers)
    assert placed.status == 202
    order = placed.json["orderId"]

    def ways() -> list[list[str]]:
        spans = stack.trace(trace)
        return [way(spans, each) for each in spans]

    awaited(lambda: ["api server", "api producer", "workers consumer"] in ways(), 60, "the worker's span")
    (filled,) = awaited(
        lambda: [
            each for each in stack.logs(f'{{service_name="workers"}} | trade_id="{order}"') if "filled" in each[1]
        ],
        60,
        "the worker's record",
    )
    of_api = f'{{service_name="api"}} | request_id="{request}" |= "order requested"'
    (asked, *_) = awaited(lambda: stack.logs(of_api), 60, "the api's record")
    for labels, _ in (filled, asked):
        assert labels["trace_id"] == trace
        assert labels["user_id"] == user


@pytest.fixture(scope="module")
def sampled(stack: RunningStack) -> str:
    """What the names of spans begin with that were sent, in traces of two each: ordinary ones, marked, failed and slow ones.

    What comes through a forwarded port is of no pod that the gateway knows: its service is ``unknown``.
    """
    mark = f"e2e-{secrets.token_hex(3)} "
    sent = [*two(f"{mark}ordinary", ORDINARY), *two(f"{mark}marked", KEPT_WHOLE, traceState="atlas=important")]
    for _ in range(KEPT_WHOLE):
        sent += [span(f"{mark}failed", failed=True), span(f"{mark}slow", milliseconds=400)]
    for at in range(0, len(sent), BATCH):
        stack.send("traces", otlp_traces(sent[at : at + BATCH], "e2e-sampling"))
    return mark


def two(name: str, number: int, **more: Any) -> list[dict[str, Any]]:
    """The spans of as many traces: a root, and another below it."""
    spans = list[dict[str, Any]]()
    for _ in range(number):
        root = span(name, **more)
        spans += [root, span(f"{name} below", trace=root["traceId"], parentSpanId=root["spanId"], **more)]
    return spans


def test_sampling_keeps_what_matters_whole_and_its_share_of_the_rest(stack: RunningStack, sampled: str) -> None:
    def kept() -> Counter[str]:
        search = {"service": "unknown", "limit": "5000", "lookback": "1h"}
        found = stack.ask("jaeger", "/api/traces", query=search).json
        names = [each["operationName"] for trace in found["data"] or [] for each in trace["spans"]]
        return Counter(name.removeprefix(sampled) for name in names if name.startswith(sampled))

    def all_that_matters() -> bool:
        found = kept()
        return all(found[name] == KEPT_WHOLE for name in ("marked", "marked below", "failed", "slow"))

    awaited(all_that_matters, 60, "what matters")
    found = kept()
    # Five standard deviations: one run in two million.
    expected, allowed = ORDINARY * SAMPLING / 100, 5 * (ORDINARY * SAMPLING / 100 * (1 - SAMPLING / 100)) ** 0.5
    assert abs(found["ordinary"] - expected) <= allowed
    assert found["ordinary below"] == found["ordinary"]


def test_span_metrics_count_every_span_also_those_that_are_not_kept(stack: RunningStack, sampled: str) -> None:
    sent = {"ordinary": ORDINARY, "ordinary below": ORDINARY, "marked": KEPT_WHOLE, "marked below": KEPT_WHOLE}
    sent |= {"failed": KEPT_WHOLE, "slow": KEPT_WHOLE}

    def counted() -> dict[str, float]:
        of_mine = f'service_name="unknown", span_name=~"{sampled}.*"'
        query = f"sum by (span_name) (traces_span_metrics_calls_total{{{of_mine}}})"
        return {labels["span_name"].removeprefix(sampled): value for labels, value in stack.metrics(query)}

    awaited(lambda: sum(counted().values()) >= sum(sent.values()), 60, "span metrics")
    assert counted() == sent


def test_span_metrics_of_a_service_are_its_true_requests(stack: RunningStack) -> None:
    own = 'sum(http_requests_total{service="api", method="POST", route="/api/orders"})'
    of_spans = (
        'sum(traces_span_metrics_calls_total{service_name="api", span_kind="SPAN_KIND_SERVER", '
        'http_request_method="POST", http_route="/api/orders"})'
    )
    asked = 40

    def settled() -> tuple[float, float]:
        """Both counts, when neither has changed for longer than a scrape and a flush take together."""
        seen, since = (stack.number(own), stack.number(of_spans)), time.monotonic()

        def same() -> bool:
            nonlocal seen, since
            now = (stack.number(own), stack.number(of_spans))
            if now != seen:
                seen, since = now, time.monotonic()
            return time.monotonic() - since > 35

        awaited(same, 180, "counts that stand still")
        return seen

    before = settled()
    for _ in range(asked):
        assert stack.ask("api", "/api/orders", ORDER).status == 202
    awaited(lambda: stack.number(own) >= before[0] + asked, 60, "the service's own count")
    awaited(lambda: stack.number(of_spans) >= before[1] + asked, 60, "the count of its spans")
    after = settled()
    assert (after[0] - before[0], after[1] - before[1]) == (asked, asked)
