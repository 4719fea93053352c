"""What the gateway keeps of traces that were sampled before, on the real Collector, and what span metrics make of them."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.collector_process import API, Gateway, Sink, attributes, span, traces
from tests.support.tool_process import running
from tests.support.waiting import wait_until

SHARE = 25.0
MANY = 800
FULL = 1 << 56
ALWAYS = f"ot=rv:{FULL - 1:x}"


def randomness(state: str) -> int:
    """The trace's own place between 0 and ``FULL``, which every consistent sampler compares its threshold with."""
    return int(state, 16) & (FULL - 1)


def trace(above: float = 0, below: float = 1) -> str:
    """The id of a trace whose place is in that part."""
    low, high = int(above * FULL), int(below * FULL)
    return secrets.token_hex(9) + f"{low + secrets.randbelow(high - low):014x}"


def state_of(item: dict[str, Any]) -> str:
    return item.get("traceState", "")


class Sampled:
    """A gateway that keeps ``share`` percent, and what it kept."""

    def __init__(self, folder: Path, share: float) -> None:
        self.sink = Sink()
        self.gateway = Gateway(folder, self.sink, sampling=share)

    def kept(self, sent: list[dict[str, Any]], **resource: Any) -> dict[str, dict[str, Any]]:
        """Of ``sent``, what arrives, by its trace. The last span that is sent is one that is always kept."""
        last = span(failed=True)
        assert self.gateway.send("traces", traces([*sent, last], **resource)) == 200
        wait_until(lambda: last["spanId"] in {each["spanId"] for each in self.sink.spans()}, 10, "the spans")
        mine = {each["spanId"] for each in sent}
        return {each["traceId"]: each for each in self.sink.spans() if each["spanId"] in mine}


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sampled]:
    sampled = Sampled(tmp_path_factory.mktemp("all"), 100)
    with running(sampled.gateway):
        yield sampled


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sampled]:
    sampled = Sampled(tmp_path_factory.mktemp("quarter"), SHARE)
    with running(sampled.gateway):
        yield sampled


def fresh_randomness() -> str:
    return f"{secrets.randbelow(FULL):014x}"


STATES: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "another vendor's": lambda: "vendor=1,other@system=x y",
    "a share of all": lambda: "ot=th:0",
    "a share of a half, by its id": lambda: "ot=th:8",
    "randomness": lambda: f"ot=rv:{fresh_randomness()}",
    "randomness and a share": lambda: f"ot=rv:8{fresh_randomness()[1:]};th:8",
    "with more of its own": lambda: f"ot=th:8;rv:8{fresh_randomness()[1:]};x:1;p2:abc,vendor=1",
    "after another vendor's": lambda: "vendor=1, ot=th:8",
    "as the older specification had it": lambda: "ot=p:8;r:62",
    "of no threshold": lambda: "ot=th:zz",
    "of an empty threshold": lambda: "ot=th:",
    "of a threshold that is too long": lambda: "ot=th:800000000000000",
    "of short randomness": lambda: "ot=rv:8,vendor=1",
    "of upper case": lambda: "ot=TH:8",
    "empty": lambda: "ot=",
    "with an end too many": lambda: "ot=th:8;",
    "twice": lambda: "ot=th:8,ot=zz",
    "no state at all": lambda: "what is this?",
    "not Latin": lambda: "ключ=1,ot=th:8",
    "too long": lambda: ",".join(f"m{number}={'x' * 60}" for number in range(30)),
    "of too many": lambda: ",".join(f"m{number}=1" for number in range(40)),
    "against its own threshold": lambda: "ot=rv:00000000000001;th:8",
}


@pytest.mark.parametrize("kind", STATES)
def test_at_a_hundred_percent_every_trace_arrives(all_of_them: Sampled, kind: str) -> None:
    sent = [span(trace=trace(above=0.5), traceState=STATES[kind]()) for _ in range(20)]
    assert len(all_of_them.kept(sent)) == 20


UNSAMPLED = [kind for kind in STATES if "share" not in kind and "more of its own" not in kind and "against" not in kind]


@pytest.mark.parametrize("kind", [kind for kind in UNSAMPLED if kind != "after another vendor's"])
def test_of_what_comes_unsampled_the_set_share_is_kept(quarter: Sampled, kind: str) -> None:
    sent = [span(trace=trace(), traceState=STATES[kind]()) for _ in range(MANY)]
    # Five standard deviations of a fair choice: a right gateway fails here once in a million runs.
    expected, spread = MANY * SHARE / 100, 5 * (MANY * SHARE / 100 * (1 - SHARE / 100)) ** 0.5
    assert abs(len(quarter.kept(sent)) - expected) < spread


@pytest.mark.parametrize("threshold", ["0", "4", "8", "c", "f"])
def test_with_an_earlier_sampler_the_set_share_of_all_is_kept(quarter: Sampled, threshold: str) -> None:
    """The earlier one kept those at or above its threshold. What is at or above both is kept here, and says so."""
    earlier = int(threshold, 16) / 16
    ids = [trace(above=earlier) for _ in range(200)]
    kept = quarter.kept([span(trace=each, traceState=f"vendor=1,ot=th:{threshold}") for each in ids])
    both = max(earlier, 1 - SHARE / 100)
    assert set(kept) == {each for each in ids if randomness(each) >= both * FULL}
    assert {state_of(each) for each in kept.values()} == {f"ot=th:{max(threshold, 'c')},vendor=1"}


def test_gateways_and_the_randomness_of_a_trace_agree(all_of_them: Sampled, quarter: Sampled, tmp_path: Path) -> None:
    """The second gateway gets what the first one kept, as a chain of them would, and a third one everything."""
    sent = [
        span(trace=secrets.token_hex(16), traceState=f"ot=rv:{fresh_randomness()}" if number % 2 else "")
        for number in range(300)
    ]
    again = lambda items: [each | {"spanId": secrets.token_hex(8)} for each in items]  # noqa: E731
    kept = quarter.kept(sent)
    assert 0 < len(kept) < 300
    assert set(quarter.kept(again(kept.values()))) == set(kept)
    assert set(all_of_them.kept(again(kept.values()))) == set(kept)
    third = Sampled(tmp_path, SHARE)
    with running(third.gateway):
        assert set(third.kept(again(sent))) == set(kept)
    for each in kept.values():
        member = dict(part.split(":") for part in state_of(each).removeprefix("ot=").split(";"))
        assert member.pop("th") == "c", "it stands for four"
        assert not member or randomness(member["rv"]) >= 0.75 * FULL


def test_a_services_own_member_is_passed_on(all_of_them: Sampled) -> None:
    given = {"ot=th:8;rv:f0000000000001;x:1,vendor=1": "ot=rv:f0000000000001;th:8;x:1,vendor=1", "": "ot=th:0"}
    for state, told in given.items():
        (kept,) = all_of_them.kept([span(traceState=state)]).values()
        assert state_of(kept) == told


@pytest.mark.parametrize("state", ["", "ot=rv:00000000000000", "ot=rv:00000000000000;th:0", "ot=th:zz", "atlas=other"])
def test_an_important_span_is_kept_whatever_its_trace_is(quarter: Sampled, state: str) -> None:
    sent = [span(trace=trace(below=0.1), failed=True, traceState=state) for _ in range(40)]
    assert len(quarter.kept(sent)) == 40


@pytest.mark.parametrize("rest", ["ot=rv:00000000000000", "ot=th:zz", "ot=th:8,ot=zz", "vendor=1"])
def test_a_trace_that_its_root_marked_is_kept_whatever_else_its_state_says(quarter: Sampled, rest: str) -> None:
    sent = [span(trace=trace(below=0.1), traceState=f"atlas=important,{rest}") for _ in range(40)]
    assert len(quarter.kept(sent)) == 40


def test_a_span_of_no_trace_gets_one_of_its_own(all_of_them: Sampled) -> None:
    """A store may refuse the whole request for it."""
    (kept,) = all_of_them.kept([span(trace="0" * 32)])
    assert int(kept, 16)


def test_a_mark_that_came_with_the_span_decides_nothing(quarter: Sampled) -> None:
    """Neither one nor two of them, which only one would be taken from."""
    sent = [span(trace=trace(below=0.1)) for _ in range(20)]
    for each in sent:
        each["attributes"] = [{"key": "sampling.priority", "value": {"intValue": "1"}}] * 2
    assert quarter.kept(sent) == {}


def test_a_span_that_stands_for_several_is_counted_as_several(quarter: Sampled) -> None:
    """Before the gateway's own sampling, whose threshold says nothing of what arrived."""
    route = f"/{secrets.token_hex(8)}"
    thresholds = {
        "": 1,
        "ot=th:0": 1,
        "ot=th:8": 2,
        "ot=th:c": 4,
        "vendor=1,ot=th:e": 8,
        "ot=rv:ffffffffffffff;th:f": 16,
    }
    sent = [
        span(trace=trace(above=15 / 16), traceState=state, attributes={"http.route": route})
        for state in thresholds
        for _ in range(10)
    ]
    assert quarter.gateway.send("traces", traces(sent), API) == 200

    def counted(name: str, kind: str, figure: str) -> int:
        found = [
            int(point[figure])
            for _, metric in quarter.sink.metrics(name)
            for point in metric[kind]["dataPoints"]
            if attributes(point).get("http.route") == route
        ]
        return max(found, default=0)

    expected = 10 * sum(thresholds.values())
    wait_until(lambda: counted("traces.span.metrics.calls", "sum", "asInt") >= expected, 10, "the span metrics")
    assert counted("traces.span.metrics.calls", "sum", "asInt") == expected
    assert counted("traces.span.metrics.duration", "histogram", "count") == expected
