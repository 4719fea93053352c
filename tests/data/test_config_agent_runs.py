"""The node agent's configuration on the real Collector: what containers wrote arrives once, whole, and says whose it is."""

import gzip
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.data.overlays import upstream_agent
from tests.data.stack_traces import NODE_LOGGED, NODE_UNCAUGHT, PYTHON, TRACES
from tests.support.agent_process import NODE, UPSTREAM_FLAGS, Agent, ContainerLog, GatewayStub, Record, now
from tests.support.tool_process import running
from tests.support.waiting import wait_until

BIGGEST = 250_000
"""Bytes of a body, above which the gateway cuts."""
TRACE_TEST = "test_a_stack_trace_is_one_record_among_other_lines"
UPSTREAM_LACKS = {
    "test_parts_of_the_two_streams_of_a_container_are_not_mixed": "parts are joined by file",
    "test_a_long_line_of_json_keeps_its_level_and_trace_between_the_other_streams_lines": "parts are joined by file",
    "test_objects_on_one_line_are_records_each": "of several objects on a line the first alone is kept",
    "test_what_follows_json_on_its_line_is_kept": "what follows an object on its line is lost",
    "test_frames_stay_below_their_own_header": "frames of two headers come as one record between them",
    f"{TRACE_TEST}[an error of Node with its cause]": "the cause's end is torn off",
    f"{TRACE_TEST}[an exception of Java]": "`Caused by` is torn off",
    f"{TRACE_TEST}[a panic of Go]": "goroutines are torn",
    f"{TRACE_TEST}[a trace in colours]": "colours hide a trace",
    f"{TRACE_TEST}[an error of PostgreSQL]": "details are torn off",
    "test_a_level_is_a_severity_by_whatever_name": "`severity`, `levelname`, `crit`, colours and numbers like 35 are no level",
    "test_the_ids_of_a_trace_by_whatever_name": "`traceId`, `otelTraceID`, `trace.id` and upper case are no ids",
    "test_a_duration_is_no_time": "a member `time` is lost where it is none",
    "test_a_number_is_the_one_that_was_written": "a number above 64 bits is rounded",
    "test_a_time_that_is_far_from_the_runtimes_is_told_beside_it": "an application's own time is believed for 24 h",
    "test_parts_of_dockers_lines_are_joined": "Docker's parts are lines",
}
"""What the upstream agent gets wrong, by the test that shows it. There it has to fail."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayStub]:
    stub = GatewayStub()
    stub.up()
    yield stub
    stub.down()


AGENTS = {"ours": (None, []), "upstream": (upstream_agent(), UPSTREAM_FLAGS)}


@pytest.fixture(scope="module", params=AGENTS)
def agent(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, gateway: GatewayStub
) -> Iterator[Agent]:
    text, flags = AGENTS[request.param]
    with running(Agent(tmp_path_factory.mktemp("agent"), gateway.endpoint, text=text, flags=flags)) as started:
        yield started


@pytest.fixture
def log(request: pytest.FixtureRequest, agent: Agent) -> ContainerLog:
    parameters = dict(request.node.callspec.params)
    if parameters.pop("agent") == "upstream":
        kinds = "".join(f"[{value}]" for value in parameters.values())
        lack = UPSTREAM_LACKS.get(request.node.originalname + kinds)
        if lack:
            request.applymarker(pytest.mark.xfail(reason=lack, strict=True))
    return ContainerLog(agent.pods, pod=f"api-{secrets.token_hex(4)}")


def of(gateway: GatewayStub, log: ContainerLog) -> list[Record]:
    """What arrived of one container, in the order of its time."""
    found = [record for record in list(gateway.records) if record.resource.get("k8s.pod.uid") == log.uid]
    return sorted(found, key=lambda record: record.time)


def arrived(gateway: GatewayStub, log: ContainerLog, count: int, seconds: float = 15) -> list[Record]:
    """The records of a container once there are ``count``; a moment later there must not be more."""
    wait_until(lambda: len(of(gateway, log)) >= count, seconds, f"{count} records of {log.path}")
    time.sleep(1.2)
    return of(gateway, log)


def bodies(gateway: GatewayStub, log: ContainerLog, count: int) -> list[str]:
    return [record.body for record in arrived(gateway, log, count)]


def test_a_record_says_whose_it_is(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("whose is it", stream="stderr")
    (record,) = arrived(gateway, log, 1)
    assert record.resource == {
        "service.name": "api",
        "deployment.environment.name": "local",
        "k8s.cluster.name": "test",
        "k8s.node.name": NODE,
        "k8s.namespace.name": "trading",
        "k8s.pod.name": log.pod,
        "k8s.pod.uid": log.uid,
        "k8s.container.name": "api",
        "k8s.container.restart_count": "0",
    }
    assert record.attributes == {"log.file.path": str(log.path), "log.iostream": "stderr"}
    assert abs(record.time - time.time_ns()) < 60 * 10**9


def test_lines_of_every_runtime_are_read(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("containerd", at="2026-11-24T12:00:00.000000001Z")
    log.write("cri-o", at="2026-11-24T13:00:00.000000002+01:00")
    log.raw(b'{"log":"docker\\n","stream":"stderr","time":"2026-11-24T12:00:00.000000003Z"}\n')
    moment = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 10**9
    records = arrived(gateway, log, 3)
    said = {(record.body, record.attributes["log.iostream"]) for record in records}
    assert said == {("containerd", "stdout"), ("cri-o", "stdout"), ("docker", "stderr")}
    if abs(time.time_ns() - moment) < 23 * 3600 * 10**9:
        assert sorted(record.time - moment for record in records) == [1, 2, 3]


def test_parts_of_a_line_are_joined_with_the_blanks_between_them(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("first ", " second ", tag="P")
    log.write("third  ")
    assert bodies(gateway, log, 1) == ["first  second third  "]


def test_parts_of_two_streams_are_not_mixed_with_other_containers(
    gateway: GatewayStub, agent: Agent, log: ContainerLog
) -> None:
    other = ContainerLog(agent.pods, pod=f"workers-{secrets.token_hex(4)}", container="workers")
    for part in "abc":
        log.write(f"{part}1", tag="P")
        other.write(f"{part}2", tag="P")
    log.write("d1")
    other.write("d2")
    assert (bodies(gateway, log, 1), bodies(gateway, other, 1)) == (["a1b1c1d1"], ["a2b2c2d2"])


def test_parts_of_the_two_streams_of_a_container_are_not_mixed(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("A1", tag="P")
    log.write("E", stream="stderr")
    log.write("A2")
    assert Counter(bodies(gateway, log, 2)) == {"A1A2": 1, "E": 1}


def test_a_long_line_of_json_keeps_its_level_and_trace_between_the_other_streams_lines(
    gateway: GatewayStub, log: ContainerLog
) -> None:
    trace, part = secrets.token_hex(16), 16_384
    line = json.dumps({"level": "error", "trace_id": trace, "msg": "long", "data": "x" * 40_000})
    for begin in range(0, len(line), part):
        log.write(line[begin : begin + part], tag="P" if begin + part < len(line) else "F")
        log.write("of the other stream", stream="stderr")
    found = [record for record in arrived(gateway, log, 4) if record.body != "of the other stream"]
    assert [(record.body, record.severity, record.trace) for record in found] == [("long", "ERROR", trace)]


def test_parts_of_dockers_lines_are_joined(gateway: GatewayStub, log: ContainerLog) -> None:
    """Docker cuts a line at 16 KiB: a part has no line's end."""
    for stream, text in (("stdout", "first "), ("stderr", "other\n"), ("stdout", " second\n")):
        log.raw(json.dumps({"log": text, "stream": stream, "time": now()}, separators=(",", ":")).encode() + b"\n")
    assert Counter(bodies(gateway, log, 2)) == {"first  second": 1, "other": 1}


def test_lines_behind_cri_dockerds_links_are_read(gateway: GatewayStub, log: ContainerLog, tmp_path: Path) -> None:
    written = tmp_path / "containers/4e1f/4e1f-json.log"
    written.parent.mkdir(parents=True)
    line = {"log": json.dumps({"level": 30, "msg": "linked"}) + "\n", "stream": "stdout", "time": now()}
    written.write_text(json.dumps(line, separators=(",", ":")) + "\n")
    log.path.symlink_to(written)
    (record,) = arrived(gateway, log, 1)
    assert (record.body, record.severity, record.resource["k8s.pod.name"]) == ("linked", "INFO", log.pod)


def test_objects_on_one_line_are_records_each(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write('{"msg":"one"}{"level":"error","msg":"two"}')
    found = Counter((record.body, record.severity) for record in arrived(gateway, log, 2))
    assert found == {("one", ""): 1, ("two", "ERROR"): 1}


def test_what_follows_json_on_its_line_is_kept(gateway: GatewayStub, log: ContainerLog) -> None:
    lines = ['{"msg":"x"} tail', '{"msg":"x"}}', '{"msg":"x"}{"level":"er']
    log.write(*lines)
    assert Counter(bodies(gateway, log, 3)) == Counter(lines)


def test_a_long_line_comes_in_pieces_none_of_which_the_gateway_cuts(gateway: GatewayStub, log: ContainerLog) -> None:
    part = "x" * 16_384
    log.write(*[part] * 320, tag="P")
    log.write("end")
    wait_until(lambda: any(record.body.endswith("end") for record in of(gateway, log)), 20, "the end of the line")
    pieces = bodies(gateway, log, 1)
    assert "".join(pieces) == part * 320 + "end"
    assert max(len(piece) for piece in pieces) <= BIGGEST


def test_a_line_that_is_much_longer_as_a_record_arrives(gateway: GatewayStub, log: ContainerLog) -> None:
    """A negative number is four times as long in OTLP; the queue drops a record above its largest request without a word."""
    line, part = json.dumps({"a": [-1] * 75_000}, separators=(",", ":")), 16_384
    for begin in range(0, len(line), part):
        log.write(line[begin : begin + part], tag="P" if begin + part < len(line) else "F")
    (record,) = arrived(gateway, log, 1)
    assert record.body == line
    # Ours cuts at the agent what the gateway would.
    assert len(record.attributes["a"]) == 75_000 or record.attributes["atlas.cut"]


def test_the_rest_arrives_around_what_no_runtime_writes(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("before")
    log.raw(f"{now()} stdout F binary ".encode() + bytes([0, 255, 254, 128]) + b" end\n")
    log.raw(f"{now()} stdout F ".encode() + b"z" * (5 << 20) + b"\n")
    log.raw(b"no header at all\n")
    log.write("{not json", '{"half": ')
    log.raw(f"{now()} stdout F unterminated".encode())
    wait_until(lambda: any(record.body == "unterminated" for record in of(gateway, log)), 15, "the last line")
    records = arrived(gateway, log, 6 + 6)
    said = [record.body for record in records]
    assert Counter(said)["before"] == Counter(said)["unterminated"] == Counter(said)["no header at all"] == 1
    assert [body for body in said if body.startswith("{")] == ["{not json", '{"half": ']
    assert [body for body in said if body.startswith("binary")] == ["binary \x00\ufffd\ufffd\ufffd end"]
    assert sum(len(body) for body in said if set(body) == {"z"}) == 5 << 20
    assert {record.resource["k8s.pod.name"] for record in records} == {log.pod}


def test_nothing_is_lost_or_doubled_by_rotation(gateway: GatewayStub, log: ContainerLog) -> None:
    for turn in range(5):
        log.write(*(f"line {turn}-{number}" for number in range(200)))
        rotated = log.rotate()
        if turn == 1:
            # Between this rename and the last poll nothing is read: the file has to be found under its new name.
            with rotated.open("ab") as file:
                file.write(f"{now()} stdout F late\n".encode())
    log.write("last")
    expected = [f"line {turn}-{number}" for turn in range(5) for number in range(200)] + ["late", "last"]
    assert Counter(bodies(gateway, log, 1002)) == Counter(expected)


def test_files_that_repeat_others_are_not_read(gateway: GatewayStub, agent: Agent, log: ContainerLog) -> None:
    text = f"{now()} stdout F compressed\n".encode()
    log.path.with_name("0.log.20261124-150000.gz").write_bytes(gzip.compress(text))
    log.path.with_name("0.log.20261124-150000.tmp").write_bytes(text)
    own = ContainerLog(agent.pods, pod="node-agent-x2x7q", container="node-agent", namespace="node-agents")
    own.write("its own")
    log.write("read")
    assert bodies(gateway, log, 1) == ["read"]
    assert of(gateway, own) == []


def test_json_becomes_a_record_with_its_context(gateway: GatewayStub, log: ContainerLog) -> None:
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    moment = time.time_ns() // 1_000_000 - 5000
    line = {
        "level": 50,
        "time": moment,
        "msg": "order refused",
        "trace_id": trace,
        "span_id": span,
        "trace_flags": "01",
        "reqId": "r-1",
        "userId": "u-1",
        "tradeId": 7,
        "price": 64123.5,
        "err": {
            "type": "LimitError",
            "message": "too much",
            "stack": "LimitError: too much\n    at place (/app/a.js:1:2)",
        },
    }
    log.write(json.dumps(line))
    (record,) = arrived(gateway, log, 1)
    assert (record.body, record.severity, record.time) == ("order refused", "ERROR", moment * 1_000_000)
    assert (record.trace, record.span) == (trace, span)
    assert record.attributes == {
        "log.file.path": str(log.path),
        "log.iostream": "stdout",
        "request_id": "r-1",
        "user_id": "u-1",
        "trade_id": 7,
        "price": 64123.5,
        "exception.type": "LimitError",
        "exception.message": "too much",
        "exception.stacktrace": line["err"]["stack"],
    }


def test_what_an_error_says_of_itself_arrives(gateway: GatewayStub, log: ContainerLog) -> None:
    details: dict[str, Any] = {"code": "23505", "detail": "Key (id)=(7) already exists.", "table": "orders"}
    named = {"type": "DatabaseError", "message": "duplicate key"}
    stack = "error: duplicate key\n    at store (/app/store.js:1:2)"
    log.write(
        json.dumps({"msg": "by pino", "level": 50, "err": named | details | {"stack": stack}}),
        json.dumps(
            {"message": "by Node's instrumentation", "level": "error", "err": named | details, "exception": stack}
        ),
        json.dumps({"message": "without a stack", "level": "error", "err": {"code": "E7"}}),
    )
    *both, bare = arrived(gateway, log, 3)
    for record in both:
        found = {name: value for name, value in record.attributes.items() if not name.startswith("log.")}
        errors: dict[str, Any] = found.pop("err", {})  # our agent leaves the map to the gateway, which takes it apart
        errors |= {name.removeprefix("err."): found.pop(name) for name in list(found) if name.startswith("err.")}
        assert errors == details
        assert found == {
            "exception.type": "DatabaseError",
            "exception.message": "duplicate key",
            "exception.stacktrace": stack,
        }
    assert "E7" in (bare.attributes.get("err.code"), bare.attributes.get("err", {}).get("code"))


LEVELS: dict[str | int, str] = {
    10: "TRACE",
    20: "DEBUG",
    30: "INFO",
    40: "WARN",
    50: "ERROR",
    60: "FATAL",
    "debug": "DEBUG",
    "info": "INFO",
    "WARNING": "WARN",
    "warn": "WARN",
    "error": "ERROR",
    "notice": "INFO",
    "critical": "FATAL",
    "alert": "FATAL",
    "emergency": "FATAL",
    "panic": "FATAL",
    "odd": "odd",
}


def test_a_level_is_a_severity(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write(*(json.dumps({"level": level, "event": f"at {level}"}) for level in LEVELS))
    records = arrived(gateway, log, len(LEVELS))
    assert {record.body: record.severity for record in records} == {
        f"at {level}": severity for level, severity in LEVELS.items()
    }
    assert [record.attributes["level"] for record in records if "level" in record.attributes] == ["odd"]


def test_a_level_is_a_severity_by_whatever_name(gateway: GatewayStub, log: ContainerLog) -> None:
    written: list[tuple[str, str | int, str]] = [
        ("level", "crit", "FATAL"),
        ("level", "emerg", "FATAL"),
        ("level", "http", "INFO"),
        ("level", "verbose", "DEBUG"),
        ("level", "silly", "TRACE"),
        ("level", "\x1b[31merror\x1b[39m", "ERROR"),
        ("level", 35, "INFO"),
        ("severity", "WARNING", "WARN"),
        ("levelname", "CRITICAL", "FATAL"),
        ("log.level", "debug", "DEBUG"),
    ]
    log.write(*(json.dumps({name: level, "msg": f"{name} {level}"}) for name, level, _ in written))
    found = {record.body: record.severity for record in arrived(gateway, log, len(written))}
    assert found == {f"{name} {level}": severity for name, level, severity in written}


def test_the_ids_of_a_trace_by_whatever_name(gateway: GatewayStub, log: ContainerLog) -> None:
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    names = [("traceId", "spanId"), ("otelTraceID", "otelSpanID"), ("trace.id", "span.id"), ("trace_id", "span_id")]
    log.write(*(json.dumps({"msg": one, one: trace.upper(), two: span.upper()}) for one, two in names))
    found = {record.body: (record.trace, record.span) for record in arrived(gateway, log, len(names))}
    assert found == {one: (trace, span) for one, _ in names}


def test_a_duration_is_no_time(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write('{"msg":"took","time":0.153}')
    (record,) = arrived(gateway, log, 1)
    assert abs(record.time - time.time_ns()) < 60 * 10**9
    assert record.attributes["time"] == 0.153


def test_a_number_is_the_one_that_was_written(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write('{"msg":"x","large":18446744073709551615,"price":0.1,"small":7}')
    (record,) = arrived(gateway, log, 1)
    assert [record.attributes[name] for name in ("large", "price", "small")] == ["18446744073709551615", 0.1, 7]


def test_a_time_that_is_far_from_the_runtimes_is_told_beside_it(gateway: GatewayStub, log: ContainerLog) -> None:
    """The runtime's may be hours old by now, and is the record's all the same."""
    runtimes = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    at = runtimes.strftime("%Y-%m-%dT%H:%M:%SZ")
    claims = {name: runtimes + timedelta(hours=hours) for name, hours in (("3 h ago", -3), ("ahead", 2))}
    for name, claimed in claims.items():
        log.write(json.dumps({"msg": name, "time": int(claimed.timestamp() * 1000)}), at=at)
    log.write(json.dumps({"msg": "near", "time": int(runtimes.timestamp() * 1000) - 5000}), at=at)
    found = {record.body: record for record in arrived(gateway, log, 3)}
    moment = int(runtimes.timestamp()) * 10**9
    assert {name: record.time for name, record in found.items()} == {
        "3 h ago": moment,
        "ahead": moment,
        "near": moment - 5 * 10**9,
    }
    told = {name: record.attributes.get("log.time.claimed") for name, record in found.items()}
    assert told == {name: claimed.strftime("%Y-%m-%dT%H:%M:%SZ") for name, claimed in claims.items()} | {"near": None}


def test_structlogs_time_is_the_records(gateway: GatewayStub, log: ContainerLog) -> None:
    moment = time.gmtime(time.time() - 60)
    log.write(json.dumps({"timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", moment) + ".123456Z", "event": "said"}))
    log.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S", moment) + "+00:00", "message": "written"}))
    seconds = int(time.mktime(moment) - time.timezone)
    told = {record.body: record.time for record in arrived(gateway, log, 2)}
    assert told == {"said": seconds * 10**9 + 123_456_000, "written": seconds * 10**9}


def test_a_clock_that_is_wrong_costs_no_record(gateway: GatewayStub, log: ContainerLog) -> None:
    wrong = [
        0,
        1,
        4102444800000,
        "1970-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "yesterday",
        "",
        -5,
        1e300,
        {"at": 1},
        None,
    ]
    log.write(*(json.dumps({"time": item, "msg": f"kept {item}"}) for item in wrong))
    records = arrived(gateway, log, len(wrong))
    assert Counter(record.body for record in records) == Counter(f"kept {item}" for item in wrong)
    assert [record for record in records if abs(record.time - time.time_ns()) > 60 * 10**9] == []


def test_an_id_that_is_none_costs_no_record(gateway: GatewayStub, log: ContainerLog) -> None:
    wrong = ["", "xyz", "0" * 32, "GH" * 16, 5, None, ["a"], "ab" * 40, {"a": 1}]
    log.write(*(json.dumps({"msg": f"kept {item}", "trace_id": item, "span_id": item}) for item in wrong))
    records = arrived(gateway, log, len(wrong))
    assert Counter(record.body for record in records) == Counter(f"kept {item}" for item in wrong)
    assert {record.trace.strip("0") for record in records} == {""}


def test_json_without_a_message_stays_whole(gateway: GatewayStub, log: ContainerLog) -> None:
    text = json.dumps({"order": {"id": 7}, "msg": {"not": "text"}})
    log.write(text, "[1, 2]", "null", '"text"', "{}")
    records = arrived(gateway, log, 5)
    assert sorted(record.body for record in records) == sorted([text, "[1, 2]", "null", '"text"', "{}"])
    told = next(record for record in records if record.body == text).attributes
    assert told.get("order", {"id": told.get("order.id")}) == {"id": 7}


def test_an_application_cannot_claim_to_be_another(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write(json.dumps({"msg": "claim", "service.name": "other", "k8s.pod.name": "other", "log.file.path": "/other"}))
    (record,) = arrived(gateway, log, 1)
    assert (record.resource["service.name"], record.resource["k8s.pod.name"]) == ("api", log.pod)


@pytest.mark.parametrize("kind", TRACES)
def test_a_stack_trace_is_one_record_among_other_lines(gateway: GatewayStub, log: ContainerLog, kind: str) -> None:
    trace, other = TRACES[kind], json.dumps({"level": 30, "msg": "json"})
    log.write("one line", other, stream="stderr")
    for line in trace.split("\n"):
        log.write(line, stream="stderr")
        log.write("of the other stream", other, stream="stdout")
    log.write(other, "another line", stream="stderr")
    lines = len(trace.split("\n"))
    records = arrived(gateway, log, 1 + 4 + 2 * lines)
    count = Counter(record.body for record in records)
    assert count == {trace: 1, "one line": 1, "another line": 1, "of the other stream": lines, "json": 2 + lines}
    (found,) = [record for record in records if record.body == trace]
    assert found.severity == "ERROR"
    # Its time is that of its first line.
    assert found.time < min(record.time for record in records if record.body == "of the other stream")


def test_stack_traces_of_two_streams_are_not_mixed(gateway: GatewayStub, log: ContainerLog) -> None:
    for line, other in zip(PYTHON.split("\n"), NODE_UNCAUGHT.split("\n"), strict=True):
        log.write(line, stream="stderr")
        log.write(other, stream="stdout")
    assert Counter(bodies(gateway, log, 2)) == {PYTHON: 1, NODE_UNCAUGHT: 1}


def test_a_stack_trace_waits_for_no_next_line(gateway: GatewayStub, log: ContainerLog) -> None:
    begun = time.monotonic()
    log.write(*PYTHON.split("\n"), stream="stderr")
    wait_until(lambda: bool(of(gateway, log)), 8, "the trace")
    assert time.monotonic() - begun < 6
    assert bodies(gateway, log, 1) == [PYTHON]


def test_frames_stay_below_their_own_header(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("a:", "  1", "b:", "  2")
    assert Counter(bodies(gateway, log, 2)) == {"a:\n  1": 1, "b:\n  2": 1}


def test_two_stack_traces_are_two_records(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write(*PYTHON.split("\n"), *PYTHON.split("\n"), *NODE_LOGGED.split("\n"), *NODE_LOGGED.split("\n"))
    assert Counter(bodies(gateway, log, 4)) == {PYTHON: 2, NODE_LOGGED: 2}


def test_a_stack_trace_without_end_comes_in_bounded_pieces(gateway: GatewayStub, log: ContainerLog) -> None:
    frames = [f'  File "/app/{"deep/" * 120}a.py", line {number}, in recurse' for number in range(4000)]
    log.write("Traceback (most recent call last):", *frames, "RecursionError: maximum recursion depth exceeded")
    wait_until(lambda: sum(record.body.count("\n") + 1 for record in of(gateway, log)) >= 4002, 15, "all lines")
    pieces = bodies(gateway, log, 1)
    found = [line for piece in pieces for line in piece.split("\n") if line.startswith("  File")]
    assert Counter(found) == Counter(frames)
    assert max(len(piece) for piece in pieces) <= BIGGEST


def test_what_only_looks_like_a_trace_stays_line_by_line(gateway: GatewayStub, log: ContainerLog) -> None:
    lines = ["workers.main: started", "Error: no file", "KeyError: 'x'", "GET /api/orders 200", "Exception", "a: b"]
    log.write(*lines)
    assert Counter(bodies(gateway, log, len(lines))) == Counter(lines)


def test_the_agent_says_how_it_is(agent: Agent, gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("counted")
    arrived(gateway, log, 1)
    told = agent.own_metrics()
    for name in (
        "otelcol_exporter_queue_size",
        "otelcol_exporter_queue_capacity",
        "otelcol_exporter_sent_log_records_total",
        "otelcol_receiver_accepted_log_records_total",
        "otelcol_processor_memory_limiter_accepted_log_records_total",
    ):
        assert f"\n{name}{{" in told
    assert "\notelcol_fileconsumer_open_files " in told
    assert all(json.loads(line) for line in agent.log().splitlines())
