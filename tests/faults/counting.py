"""Numbered records: a store that counts those that come, and senders that remember which were acknowledged."""

import gzip
import http.client
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Literal, Protocol, TypeAlias

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.agent_process import ContainerLog
from tests.support.loki_model import LokiModel

Signal = Literal["logs", "traces", "metrics"]
State = Literal["up", "refusing", "hanging", "cutting"]
"""A store takes what comes, answers 503, does not answer, or closes the connection without a word."""
WORD, KEY = "drill", "drill"
HANG_SECONDS = 0.1


class Store:
    """A store that only counts. ``largest`` is the number of numbered records in its largest request."""

    def __init__(self) -> None:
        self.state: State = "up"
        self.seen: dict[str, Counter[int]] = defaultdict(Counter)
        self.requests = 0
        self.largest = 0
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hung = store.state == "hanging"
                while store.state == "hanging":
                    time.sleep(HANG_SECONDS)
                if hung or store.state == "cutting":
                    self.close_connection = True
                    return
                status = 503
                if store.state == "up":
                    plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                    status = store._take(self.path, plain)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the drills read what was counted."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._taking = threading.Lock()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._server.server_port

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{host}:{port}"

    def close(self) -> None:
        self.state = "cutting"
        self._server.shutdown()
        self._server.server_close()

    def missing(self, sent: dict[str, set[int]]) -> int:
        """How many of ``sent`` have not come."""
        return sum(len(numbers - self.seen[source].keys()) for source, numbers in sent.items())

    def doubled(self) -> int:
        """How many came that had come before."""
        return sum(sum(seen.values()) - len(seen) for seen in self.seen.values())

    def _take(self, path: str, body: bytes) -> int:
        read = _READERS.get(path.rpartition("/")[2])
        with self._taking:
            numbered, status = self._read(read, body) if read else ([], 200)
            self.requests += 1
            self.largest = max(self.largest, len(numbered))
            for source, number in numbered:
                self.seen[source][number] += 1
        return status

    def _read(self, read: "_Reader", body: bytes) -> tuple[list[tuple[str, int]], int]:
        """What is numbered in a request, and the answer to it."""
        return list(read(body)), 200


class LokiStore(Store):
    """Takes log records alone, and those that Loki would take."""

    def __init__(self, model: LokiModel) -> None:
        self.model = model
        super().__init__()

    def _read(self, read: "_Reader", body: bytes) -> tuple[list[tuple[str, int]], int]:
        before = self.model.refused.total()
        taken = self.model.take(ExportLogsServiceRequest.FromString(body))
        numbered = [each for record in taken for each in _numbered(record.body.string_value)]
        return numbered, 400 if self.model.refused.total() > before else 200


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: whoever asks is killed now and then."""


def _numbered(text: str) -> Iterator[tuple[str, int]]:
    word, _, rest = text.partition(" ")
    if word == WORD:
        source, number, *_ = rest.split(" ", 2)
        yield source, int(number)


def _of_attributes(items: Iterable[Any]) -> Iterator[tuple[str, int]]:
    for item in items:
        for pair in item.attributes:
            if pair.key == KEY:
                yield from _numbered(pair.value.string_value)


def _of_logs(body: bytes) -> Iterator[tuple[str, int]]:
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in group.scope_logs:
            for record in scope.log_records:
                yield from _numbered(record.body.string_value)


def _of_traces(body: bytes) -> Iterator[tuple[str, int]]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in group.scope_spans:
            yield from _of_attributes(scope.spans)


def _of_metrics(body: bytes) -> Iterator[tuple[str, int]]:
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                yield from _of_attributes(metric.gauge.data_points)


_Reader: TypeAlias = Callable[[bytes], Iterator[tuple[str, int]]]
_READERS: dict[str, _Reader] = {
    "logs": _of_logs,
    "traces": _of_traces,
    "metrics": _of_metrics,
}


def request(signal: Signal, source: str, numbers: Iterable[int], padding: str = "") -> bytes:
    """An OTLP request of numbered records, each of them one that is kept: spans are marked important."""
    return _WRITERS[signal](source, numbers, padding)


def _logs(source: str, numbers: Iterable[int], padding: str) -> bytes:
    logs, now = ExportLogsServiceRequest(), time.time_ns()
    group = logs.resource_logs.add()
    _of_service(group)
    records = group.scope_logs.add().log_records
    for number in numbers:
        record = records.add(time_unix_nano=now, severity_text="INFO", severity_number=9)
        record.body.string_value = f"{WORD} {source} {number} {padding}"
    return logs.SerializeToString()


def _traces(source: str, numbers: Iterable[int], padding: str) -> bytes:
    traces, now = ExportTraceServiceRequest(), time.time_ns()
    group = traces.resource_spans.add()
    _of_service(group)
    spans = group.scope_spans.add().spans
    for number in numbers:
        span = spans.add(name="GET /api/orders", kind=2, start_time_unix_nano=now, end_time_unix_nano=now + 1000)
        span.trace_id, span.span_id = (number + 1).to_bytes(16, "big"), (number + 1).to_bytes(8, "big")
        span.attributes.add(key="sampling.important").value.bool_value = True
        span.attributes.add(key=KEY).value.string_value = f"{WORD} {source} {number} "
        if padding:
            span.attributes.add(key="padding").value.string_value = padding
    return traces.SerializeToString()


def _metrics(source: str, numbers: Iterable[int], padding: str) -> bytes:
    metrics, now = ExportMetricsServiceRequest(), time.time_ns()
    group = metrics.resource_metrics.add()
    _of_service(group)
    gauge = group.scope_metrics.add().metrics.add(name="drill.value").gauge
    for number in numbers:
        point = gauge.data_points.add(time_unix_nano=now, as_double=number)
        point.attributes.add(key=KEY).value.string_value = f"{WORD} {source} {number} "
        for at in range(0, len(padding), 1000):
            point.attributes.add(key=f"padding{at}").value.string_value = padding[at : at + 1000]
    return metrics.SerializeToString()


def _of_service(group: Any) -> None:
    group.resource.attributes.add(key="service.name").value.string_value = "api"


_WRITERS: dict[str, Callable[[str, Iterable[int], str], bytes]] = {
    "logs": _logs,
    "traces": _traces,
    "metrics": _metrics,
}


class Source(Protocol):
    """Whatever makes numbered records."""

    source: str
    acknowledged: set[int]

    @property
    def sent(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Sender:
    """Numbered records at a steady rate, each sent once whatever comes of it.

    ``acknowledged`` are the numbers that were answered with 200, ``answers`` counts all answers by status or kind of failure.
    """

    def __init__(
        self,
        signal: Signal,
        address: str,
        source: str,
        *,
        rate: float,
        batch: int = 10,
        padding: int = 200,
        connections: int = 4,
        timeout: float = 10,
    ) -> None:
        self.source, self.acknowledged, self._sent = source, set[int](), 0
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self._signal: Signal = signal
        self._address, self._batch, self._timeout = address, batch, timeout
        self._padding = "x" * padding
        self._pause = batch / rate
        self._numbers, self._lock, self._over = count(), threading.Lock(), threading.Event()
        self._next = 0.0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]

    @property
    def sent(self) -> int:
        return self._sent

    def start(self) -> None:
        self._next = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _turn(self) -> list[int]:
        """The numbers of the next request, when it is its time. What an answer delayed is sent at once, up to a second's worth."""
        with self._lock:
            at = max(self._next, time.monotonic() - 1)
            self._next = at + self._pause
            numbers = [next(self._numbers) for _ in range(self._batch)]
            self._sent += self._batch
        self._over.wait(max(0.0, at - time.monotonic()))
        return numbers

    def _work(self) -> None:
        connection = http.client.HTTPConnection(self._address, 4318, timeout=self._timeout)
        while not self._over.is_set():
            numbers = self._turn()
            body = request(self._signal, self.source, numbers, self._padding)
            begun = time.monotonic()
            try:
                connection.request("POST", f"/v1/{self._signal}", body, {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
                said = str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                said = type(error).__name__
                self._over.wait(0.02)
            with self._lock:
                self.answers[said] += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)
                if said == "200":
                    self.acknowledged.update(numbers)
        connection.close()


class Writer:
    """Numbered lines at a steady rate into a container's log: what is written counts as acknowledged.

    Every third line is JSON. The file is rotated after each ``rotate`` lines, as the kubelet does it.
    """

    def __init__(self, log: ContainerLog, source: str, *, rate: float, padding: int = 200, rotate: int = 0) -> None:
        self.source, self.acknowledged = source, set[int]()
        self._log, self._rate, self._padding, self._rotate = log, rate, "x" * padding, rotate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def sent(self) -> int:
        return len(self.acknowledged)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        begun, number = time.monotonic(), 0
        while not self._over.wait(0.02):
            due = int((time.monotonic() - begun) * self._rate)
            self._log.write(*(self._line(each) for each in range(number, due)))
            self.acknowledged.update(range(number, due))
            if self._rotate and number // self._rotate != due // self._rotate:
                self._log.rotate()
            number = due

    def _line(self, number: int) -> str:
        text = f"{WORD} {self.source} {number} {self._padding}"
        return text if number % 3 else json.dumps({"level": 30, "msg": text})
