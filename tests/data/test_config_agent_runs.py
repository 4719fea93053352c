"""The node agent's configuration on the real Collector: what containers wrote arrives once, whole, and says whose it is."""

import gzip
import json
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent_process import NODE, Agent, ContainerLog, GatewayStub, Record, now
from tests.support.collector_process import Gateway, Sink
from tests.support.name_server import NameServer
from tests.support.tool_process import running
from tests.support.waiting import settle, wait_until

BIGGEST = 250_000
"""Bytes of a body, above which the gateway cuts."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayStub]:
    stub = GatewayStub()
    stub.up()
    yield stub
    stub.down()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, gateway: GatewayStub) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"), gateway.endpoint)) as started:
        yield started


@pytest.fixture
def log(agent: Agent) -> ContainerLog:
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


def test_a_long_line_comes_in_pieces_none_of_which_the_gateway_cuts(gateway: GatewayStub, log: ContainerLog) -> None:
    part = "x" * 16_384
    log.write(*[part] * 320, tag="P")
    log.write("end")
    wait_until(lambda: any(record.body.endswith("end") for record in of(gateway, log)), 20, "the end of the line")
    pieces = bodies(gateway, log, 1)
    assert "".join(pieces) == part * 320 + "end"
    assert max(len(piece) for piece in pieces) <= BIGGEST


def test_the_rest_arrives_around_what_no_runtime_writes(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write("before")
    log.raw(f"{now()} stdout F binary ".encode() + bytes([0, 255, 254, 128]) + b" end\n")
    log.raw(f"{now()} stdout F ".encode() + b"z" * (5 << 20) + b"\n")
    log.raw(b"no header at all\n")
    log.write("{not json", '{"half": ')
    log.raw(f"{now()} stdout F unterminated".encode())
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
    wrong = ["", "xyz", "0" * 32, "AB" * 16, 5, None, ["a"], "ab" * 40, {"a": 1}]
    log.write(*(json.dumps({"msg": f"kept {item}", "trace_id": item, "span_id": item}) for item in wrong))
    records = arrived(gateway, log, len(wrong))
    assert Counter(record.body for record in records) == Counter(f"kept {item}" for item in wrong)
    assert {record.trace.strip("0") for record in records} == {""}


def test_json_without_a_message_stays_whole(gateway: GatewayStub, log: ContainerLog) -> None:
    text = json.dumps({"order": {"id": 7}, "msg": {"not": "text"}})
    log.write(text, "[1, 2]", "null", '"text"', "{}")
    records = arrived(gateway, log, 5)
    assert sorted(record.body for record in records) == sorted([text, "[1, 2]", "null", '"text"', "{}"])
    assert next(record for record in records if record.body == text).attributes["order"] == {"id": 7}


def test_an_application_cannot_claim_to_be_another(gateway: GatewayStub, log: ContainerLog) -> None:
    log.write(json.dumps({"msg": "claim", "service.name": "other", "k8s.pod.name": "other", "log.file.path": "/other"}))
    (record,) = arrived(gateway, log, 1)
    assert (record.resource["service.name"], record.resource["k8s.pod.name"]) == ("api", log.pod)


PYTHON = """\
Traceback (most recent call last):
  File "/app/workers/main.py", line 12, in run
    execute(order)
    ~~~~~~~^^^^^^^
  File "/app/workers/orders.py", line 3, in execute
    raise Rejected("limit")
workers.errors.Rejected: limit"""
CHAINED = """\
Traceback (most recent call last):
  File "/app/a.py", line 1, in <module>
    {}["price"]
KeyError: 'price'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/a.py", line 3, in <module>
    raise ValueError("no price") from None
ValueError: no price"""
NODE_UNCAUGHT = """\
/app/dist/index.js:10
    throw new TypeError('x is not a function');
    ^

TypeError: x is not a function
    at Object.<anonymous> (/app/dist/index.js:10:11)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)"""
NODE_LOGGED = """\
Error: connect ECONNREFUSED 10.0.0.1:6379
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)"""
NODE_INTERNAL = """\
node:internal/process/promises:394
      triggerUncaughtException(err, true /* fromPromise */);
      ^

RangeError [ERR_OUT_OF_RANGE]: The value is out of range
    at Buffer.writeU_Int32BE (node:internal/buffer:806:11)"""
TRACES = {
    "a Python traceback": PYTHON,
    "a chain of two": CHAINED,
    "an uncaught error of Node": NODE_UNCAUGHT,
    "a logged error of Node": NODE_LOGGED,
    "an error from inside Node": NODE_INTERNAL,
}


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


def _numbered(log: ContainerLog, first: int, count: int) -> None:
    for number in range(first, first + count):
        log.write(json.dumps({"level": 30, "msg": f"number {number}"}) if number % 2 else f"number {number}")


def _drill(folder: Path, variant: Callable[[dict[str, Any]], None] | None = None) -> tuple[Counter[str], int]:
    """Kill the agent three times while no gateway takes anything and lines are written; what arrived, and how many were written."""
    gateway = GatewayStub()
    agent = Agent(folder, gateway.endpoint, variant=variant)
    log, number = ContainerLog(agent.pods), 0
    agent.start()
    try:
        for turn in range(3):
            for _ in range(4):
                _numbered(log, number, 100)
                number += 100
                time.sleep(0.3)
            if turn == 1:
                log.rotate()
            agent.stop(signal.SIGKILL)
            _numbered(log, number, 50)
            number += 50
            agent.start()
        gateway.up()
        settle(gateway.bodies, lambda found: len(found) >= number)
    finally:
        agent.stop()
        gateway.down()
    return gateway.bodies(), number


def _whole(count: int) -> Counter[str]:
    return Counter({f"number {number}": 1 for number in range(count)})


def test_every_line_arrives_once_when_the_agent_is_killed_while_no_gateway_answers(tmp_path: Path) -> None:
    found, written = _drill(tmp_path)
    assert found == _whole(written)


def test_the_drill_sees_what_an_agent_without_checkpoints_does(tmp_path: Path) -> None:
    found, written = _drill(tmp_path, lambda config: config["receivers"]["file_log"].pop("storage"))
    assert max(found.values()) > 1
    assert set(found) == set(_whole(written))


def test_the_drill_sees_what_a_queue_in_memory_does(tmp_path: Path) -> None:
    found, written = _drill(
        tmp_path, lambda config: config["exporters"]["otlp_grpc/logs"]["sending_queue"].pop("storage")
    )
    assert set(_whole(written)) - set(found)


SWEEP = [0.8 + turn * 0.05 for turn in range(10)]
"""Seconds from the agent's start to its end, over all moments of its polling, which is each half a second."""
SOON_AFTER_A_POLL = [0.94 + turn * 0.02 for turn in range(15)]
"""Within the tenth of a second in which the lines of a poll are only in the agent's memory, whenever it noted its start."""


def _under_load(
    folder: Path, lives: list[float] = SWEEP, flags: list[str] | None = None
) -> tuple[Counter[str], int, int]:
    """Kill the agent after each of these times; what arrived, what was written, and the largest request."""
    gateway = GatewayStub()
    gateway.up()
    agent = Agent(folder, gateway.endpoint, flags=flags)
    log, ended, number = ContainerLog(agent.pods), threading.Event(), [0]

    def write() -> None:
        while not ended.wait(0.01):
            _numbered(log, number[0], 1)
            number[0] += 1

    writer = threading.Thread(target=write)
    agent.start()
    writer.start()
    try:
        for seconds in lives:
            time.sleep(seconds)
            agent.stop(signal.SIGKILL)
            agent.start()
        ended.set()
        writer.join()
        settle(gateway.bodies, lambda found: len(found) >= number[0])
    finally:
        ended.set()
        agent.stop()
        gateway.down()
    return gateway.bodies(), number[0], gateway.largest


def test_nothing_is_lost_and_little_doubled_when_the_agent_is_killed_under_load(tmp_path: Path) -> None:
    found, written, largest = _under_load(tmp_path)
    assert set(found) == set(_whole(written))
    # What was on its way or not yet checkpointed may come again: four requests, and the lines of one poll.
    assert sum(found.values()) - written <= len(SWEEP) * (4 * largest + 100)


def test_without_its_flag_the_agent_would_lose_lines(tmp_path: Path) -> None:
    found, written, _ = _under_load(tmp_path, SOON_AFTER_A_POLL, flags=[])
    assert set(_whole(written)) - set(found)


def test_an_agent_that_is_asked_to_stop_loses_nothing(tmp_path: Path) -> None:
    gateway = GatewayStub()
    agent = Agent(tmp_path, gateway.endpoint)
    log = ContainerLog(agent.pods)
    for turn in range(3):
        with running(agent):
            _numbered(log, turn * 100, 100)
            log.write(*PYTHON.split("\n"))
            time.sleep(0.6)
    gateway.up()
    with running(agent):
        settle(gateway.bodies, lambda found: len(found) >= 301)
    gateway.down()
    assert gateway.bodies() == _whole(300) + Counter({PYTHON: 3})


def _narrow(config: dict[str, Any]) -> None:
    """A queue that a few thousand lines fill."""
    for exporter in config["exporters"].values():
        exporter["sending_queue"]["batch"] |= {"min_size": 100_000, "max_size": 500_000}


@pytest.mark.parametrize(("how", "lost"), [(signal.SIGKILL, 0), (signal.SIGTERM, 100)])
def test_a_full_queue_makes_the_agent_wait_and_little_is_lost_when_it_stops(
    tmp_path: Path, how: signal.Signals, lost: int
) -> None:
    """Asked to stop while it waits, the receiver gives up the batch in its hand: 100 lines a file at most. Killed, none."""
    gateway = GatewayStub()
    agent = Agent(tmp_path, gateway.endpoint, environment={"QUEUE_BYTES": "1000000"}, variant=_narrow)
    log, written = ContainerLog(agent.pods), 4000
    log.write(*(f"number {number} {'x' * 1000}" for number in range(written)))

    def found() -> set[str]:
        return {" ".join(body.split()[:2]) for body in gateway.bodies()}

    agent.start()
    try:
        wait_until(lambda: "enqueue_failed_log_records_total{" in agent.own_metrics(), 15, "the queue to be full")
        time.sleep(4)  # it tries again and again, and drops nothing
        assert gateway.records == []
        agent.stop(how)
        agent.start()
        gateway.up()
        settle(gateway.bodies, lambda found: len(found) >= written)
    finally:
        agent.stop()
        gateway.down()
    assert written - len(found()) <= lost


def test_the_gateways_share_the_agents_requests(tmp_path: Path) -> None:
    gateways = [GatewayStub(), GatewayStub()]
    for gateway in gateways:
        gateway.up()
    names = NameServer({"otel-collector.observability.svc": [gateway.address for gateway in gateways]})
    agent = Agent(tmp_path, f"dns://{names.address}/otel-collector.observability.svc:4317")
    log = ContainerLog(agent.pods)

    def taken() -> Counter[str]:
        return gateways[0].bodies() + gateways[1].bodies()

    with running(agent):
        for number in range(8):
            _numbered(log, number, 1)
            wait_until(lambda: len(taken()) > number, 10, "the line")  # noqa: B023
        assert [gateway.requests for gateway in gateways] == [4, 4]
        gateways[0].down()
        for number in range(8, 16):
            _numbered(log, number, 1)
            wait_until(lambda: len(taken()) > number, 15, "the line, by the other gateway")  # noqa: B023
    gateways[1].down()
    assert taken() == _whole(16)


def test_lines_pass_the_real_gateway_even_when_it_is_killed(tmp_path: Path) -> None:
    sink = Sink()
    gateway = Gateway(tmp_path / "gateway", sink)
    agent = Agent(tmp_path / "agent", f"dns:///{gateway.address}:4317")
    log = ContainerLog(agent.pods)

    def stored() -> Counter[str]:
        return Counter(item["body"].get("stringValue", "") for item in sink.records())

    with running(gateway), running(agent):
        for turn in range(3):
            _numbered(log, turn * 200, 200)
            wait_until(lambda: len(stored()) >= 200 * turn, 20, "the lines before")  # noqa: B023
            gateway.stop(signal.SIGKILL)
            _numbered(log, 600 + turn * 50, 50)
            time.sleep(0.7)
            gateway.start()
        wait_until(lambda: len(stored()) >= 750, 60, "all lines")
    assert set(stored()) == set(_whole(750))
    told = sink.resources("logs")[-1]
    assert (told["service.name"], told["k8s.pod.name"], told["deployment.environment.name"]) == (
        "api",
        log.pod,
        "local",
    )


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
