"""Random OTLP requests of all three signals: each is valid by the protocol, and few of them are what a reasonable service sends.

The same seed gives the same requests but for the moment that they are made for.
"""

import random
import string
import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NAMES = (
    "", " ", "_", "__", "$", "@", ".", "..", "-", "中文", "ключ", "сумма", "🙂", "é", "\x00", "\n", "a..b", ".a", "a.", "a. .b",
    "1", "0.1", "_id", "key_id", "a.b", "a_b", "a-b", "A.B", "msg", "_msg", "_time", "_stream", "_stream_id", "__name__",
    "__error__", "le", "quantile", "level", "severity_text", "trace_id", "span_id", "trace.id", "flags", "event_name",
    "scope.name", "scope_name", "service", "service.name", "service_name", "service.instance.id", "k8s.pod.name", "k8s.pod.uid",
    "k8s.namespace.name", "deployment.environment.name", "job", "instance", "host.name", "atlas.cut", "atlas.renamed",
    "atlas.original_time", "atlas.workload", "collector.instance.id", "otel_scope_name", "http.method", "http.status_code",
    "http.route", "http.request.method", "http.response.status_code", "sampling.priority", "exception.stacktrace", "request_id",
    "password", "token", "error", "x" * 116, "x" * 117, "x" * 128, "x" * 129, "é" * 64, "é" * 65,
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "\x1b[31mred\x1b[0m", "\r\n", "\u2028", "中文", "🙂" * 10, "null", "{}", '{"a":', "<b>&", "\\", '"', "NaN",
    "order accepted", "user@example.com", "a=b c=d", "x" * 1024, "x" * 1025, "x" * 8192, "x" * 8193, "é" * 5000, "\x01" * 2000,
    '"\\' * 3000,
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 30, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63),
)  # fmt: skip
DOUBLES = (
    0.0, -0.0, 1.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
STATES = (
    "", "vendor=1", "atlas=important", "vendor=1,atlas=important", "a=1," * 40, "no state", "=", ",", "x" * 2000, "ключ=1",
    ",".join(f"k{number}=1" for number in range(32)), "ot=th:nothing,a=1", "a=1, b=2 ,c",
    "ot=th:0", "ot=rv:0123456789abcd", "vendor=1,ot=th:0;rv:fedcba98765432",
)  # fmt: skip
METRICS = (
    "", " ", "_", "中文", "1", "a.b", "a_b", "http.server.duration", "orders", "orders.total", "up", "x" * 300, "a b", "a\nb",
    "__name__",
)  # fmt: skip
UNITS = ("", "s", "1", "By", "{order}", "%", "m/s", "中", "x" * 100, "/", "\n")


class RandomOtlp:
    """One random request after another; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.names = [*NAMES, *(self._new_name() for _ in range(60))]

    def logs(self) -> ExportLogsServiceRequest:
        request = ExportLogsServiceRequest()
        for _ in range(self._few(3)):
            group = request.resource_logs.add(schema_url=self._text())
            self._resource(group.resource)
            for _ in range(self._few(3)):
                scope = group.scope_logs.add(schema_url=self._text())
                self._scope(scope.scope)
                for _ in range(self._few(6)):
                    self._record(scope.log_records.add())
        return request

    def traces(self) -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        for _ in range(self._few(3)):
            group = request.resource_spans.add(schema_url=self._text())
            self._resource(group.resource)
            for _ in range(self._few(3)):
                scope = group.scope_spans.add(schema_url=self._text())
                self._scope(scope.scope)
                for _ in range(self._few(6)):
                    self._span(scope.spans.add())
        return request

    def metrics(self) -> ExportMetricsServiceRequest:
        request = ExportMetricsServiceRequest()
        for _ in range(self._few(3)):
            group = request.resource_metrics.add(schema_url=self._text())
            self._resource(group.resource)
            for _ in range(self._few(3)):
                scope = group.scope_metrics.add(schema_url=self._text())
                self._scope(scope.scope)
                for _ in range(self._few(6)):
                    self._metric(scope.metrics.add())
        return request

    def _few(self, most: int) -> int:
        """Mostly one or two, rarely none."""
        return self.random.choice((0, 1, 1, 1, 2, most))

    def _rarely(self, share: float = 0.02) -> bool:
        return self.random.random() < share

    def _name(self) -> str:
        if self._rarely(0.001):
            return "k" * self.random.randrange(200_000)
        return self._new_name() if self._rarely(0.02) else self.random.choice(self.names)

    def _new_name(self) -> str:
        if self._rarely(0.5):
            return "".join(self.random.choices(string.ascii_lowercase + "._-", k=self.random.randrange(1, 20)))
        return "".join(chr(self._rune()) for _ in range(self.random.randrange(1, 12)))

    def _text(self) -> str:
        if self._rarely(0.001):
            return "long " + self.random.choice(("x", "é", "🙂", "\x01", "a=b ", '{"a":')) * self.random.randrange(
                200_000
            )
        if self._rarely(0.2):
            return "".join(chr(self._rune()) for _ in range(self.random.randrange(40)))
        return self.random.choice(TEXTS) if self._rarely(0.4) else f"text {self.random.randrange(1000)}"

    def _rune(self) -> int:
        return self.random.choice(
            (self.random.randrange(0x80), self.random.randrange(0x80, 0xD800), self.random.randrange(0xE000, 0x110000))
        )

    def _value(self, to: Any, depth: int = 0) -> None:
        kind = self.random.randrange(9 if depth < 40 else 6)
        if kind == 0:
            to.int_value = self.random.choice(NUMBERS)
        elif kind == 1:
            to.double_value = self.random.choice(DOUBLES)
        elif kind == 2:
            to.bool_value = self._rarely(0.5)
        elif kind == 3:
            to.bytes_value = self.random.randbytes(self.random.choice((0, 1, 100, 5000)))
        elif kind == 6:
            to.array_value.SetInParent()
            for _ in range(self._few(4)):
                self._value(to.array_value.values.add(), depth + 1)
        elif kind == 7:
            to.kvlist_value.SetInParent()
            self._attributes(to.kvlist_value.values, self._few(4), depth + 1)
        elif kind == 8 and depth == 0 and self._rarely(0.05):
            for _ in range(self.random.randrange(60)):
                to = to.kvlist_value.values.add(key=self._name()).value
            to.string_value = self._text()
        elif kind != 4:
            to.string_value = self._text()

    def _attributes(self, to: Any, number: int, depth: int = 0) -> None:
        for _ in range(number):
            self._value(to.add(key=self._name()).value, depth)

    def _number(self) -> int:
        """How many attributes something has."""
        return self.random.randrange(60, 400) if self._rarely() else self.random.randrange(9)

    def _resource(self, to: Any) -> None:
        if not self._rarely(0.2):
            to.attributes.add(key="service.name").value.string_value = self.random.choice(
                ("api", "workers", "", "中文", self._text())
            )
        self._attributes(to.attributes, self._number())
        to.dropped_attributes_count = self.random.choice((0, 0, 0, 5, 2**32 - 1))

    def _scope(self, to: Any) -> None:
        if self._rarely(0.5):
            to.name, to.version = self._text(), self._text()
            self._attributes(to.attributes, self._number() if self._rarely(0.3) else 0)

    def _time(self) -> int:
        now = time.time_ns()
        if self._rarely(0.5):
            return now
        ahead = self.random.choice((1, -1)) * self.random.choice(
            (SECOND, 299 * SECOND, 301 * SECOND, 660 * SECOND, HOUR, 3 * HOUR, 30 * HOUR, 8 * DAY, 400 * DAY)
        )
        return self.random.choice((now + ahead, now + ahead, 0, 1, 2**63 - 1, 2**63, 2**64 - 1))

    def _id(self, size: int) -> bytes:
        return self.random.choice((b"", bytes(size), *(self.random.randbytes(size) for _ in range(4))))

    def _record(self, to: Any) -> None:
        to.time_unix_nano, to.observed_time_unix_nano = self._time(), self._time()
        to.severity_number = self.random.choice((0, 9, 17, 24, 25, -1, 2**31 - 1))
        to.severity_text = self.random.choice(("", "INFO", "error", self._text()))
        to.event_name = self._text() if self._rarely(0.2) else ""
        to.trace_id, to.span_id = self._id(16), self._id(8)
        to.flags = self.random.choice((0, 1, 255, 2**32 - 1))
        to.dropped_attributes_count = self.random.choice((0, 0, 7, 2**32 - 1))
        self._attributes(to.attributes, self._number())
        if not self._rarely(0.05):
            self._value(to.body)

    def _span(self, to: Any) -> None:
        to.trace_id, to.span_id, to.parent_span_id = self._id(16), self._id(8), self._id(8)
        to.trace_state = self.random.choice(STATES)
        to.flags = self.random.choice((0, 1, 257, 2**32 - 1))
        to.name = self._text()
        to.kind = self.random.choice((0, 1, 2, 3, 4, 5, 6, -1))
        to.start_time_unix_nano, to.end_time_unix_nano = self._time(), self._time()
        to.dropped_attributes_count = to.dropped_events_count = to.dropped_links_count = self.random.choice(
            (0, 0, 2**32 - 1)
        )
        to.status.code = self.random.choice((0, 1, 2, 3))
        to.status.message = self._text() if self._rarely(0.3) else ""
        self._attributes(to.attributes, self._number())
        for _ in range(self.random.randrange(100, 300) if self._rarely() else self._few(3)):
            event = to.events.add(name=self._text(), time_unix_nano=self._time())
            self._attributes(event.attributes, self._few(4))
        for _ in range(self.random.randrange(100, 300) if self._rarely() else self._few(2)):
            link = to.links.add(trace_id=self._id(16), span_id=self._id(8), trace_state=self.random.choice(STATES))
            self._attributes(link.attributes, self._few(3))

    def _metric(self, to: Any) -> None:
        to.name = self.random.choice((*METRICS, self._text()))
        to.unit, to.description = self.random.choice(UNITS), self._text()
        kind = self.random.randrange(6)
        if kind == 0:
            for _ in range(self._few(3)):
                self._point(to.gauge.data_points.add())
        elif kind == 1:
            to.sum.aggregation_temporality, to.sum.is_monotonic = self.random.choice((0, 1, 2, 2)), self._rarely(0.5)
            for _ in range(self._few(3)):
                self._point(to.sum.data_points.add())
        elif kind == 2:
            to.histogram.aggregation_temporality = self.random.choice((0, 1, 2, 2, 7))
            for _ in range(self._few(3)):
                self._histogram(to.histogram.data_points.add())
        elif kind == 3:
            to.exponential_histogram.aggregation_temporality = self.random.choice((0, 1, 2, 2))
            for _ in range(self._few(3)):
                self._exponential(to.exponential_histogram.data_points.add())
        elif kind == 4:
            for _ in range(self._few(3)):
                point = to.summary.data_points.add(count=self._count(), sum=self.random.choice(DOUBLES))
                self._timed(point)
                for _ in range(self._few(4)):
                    point.quantile_values.add(
                        quantile=self.random.choice((0, 0.5, 0.5, 1, 2, -1, float("nan"))),
                        value=self.random.choice(DOUBLES),
                    )

    def _timed(self, to: Any) -> None:
        to.time_unix_nano, to.start_time_unix_nano = self._time(), self.random.choice((0, self._time()))
        to.flags = self.random.choice((0, 0, 0, 1, 2**32 - 1))
        self._attributes(to.attributes, self._number() if self._rarely(0.3) else self._few(3))

    def _count(self) -> int:
        return self.random.choice((0, 1, 6, 1000, 2**63, 2**64 - 1))

    def _exemplars(self, to: Any) -> None:
        for _ in range(self._few(3) if self._rarely(0.3) else 0):
            exemplar = to.add(time_unix_nano=self._time(), trace_id=self._id(16), span_id=self._id(8))
            if self._rarely(0.8):
                exemplar.as_double = self.random.choice(DOUBLES)
            self._attributes(exemplar.filtered_attributes, self._few(4))

    def _point(self, to: Any) -> None:
        self._timed(to)
        if self._rarely(0.5):
            to.as_double = self.random.choice(DOUBLES)
        elif self._rarely(0.9):
            to.as_int = self.random.choice(NUMBERS)
        self._exemplars(to.exemplars)

    def _histogram(self, to: Any) -> None:
        self._timed(to)
        bounds = [
            self.random.choice((-1.0, 0.0, 0.1, 1.0, 2.0, 10.0, float("inf"), float("nan")))
            for _ in range(self._few(8))
        ]
        if not self._rarely(0.2):
            bounds = sorted({each for each in bounds if each < float("inf")})  # no NaN, which has no place in an order
        to.explicit_bounds.extend(bounds)
        buckets = len(bounds) + 1 if not self._rarely(0.1) else self.random.randrange(12)
        counts = [self.random.choice((0, 1, 5, 100)) for _ in range(buckets)]
        to.bucket_counts.extend(counts)
        to.count = sum(counts) if not self._rarely(0.1) else self._count()
        if self._rarely(0.8):
            to.sum = self.random.choice(DOUBLES)
        self._exemplars(to.exemplars)

    def _exponential(self, to: Any) -> None:
        self._timed(to)
        to.scale = self.random.choice((-11, -5, -4, -1, 0, 3, 8, 9, 20, 21, 2**31 - 1, -(2**31)))
        to.zero_count, to.zero_threshold = (
            self.random.choice((0, 1)),
            self.random.choice((0.0, 1e-9, float("nan"), -1.0)),
        )
        total = to.zero_count
        for side in (to.positive, to.negative):
            if self._rarely(0.6):
                side.offset = self.random.choice((0, 1, -5, 1000, 2**31 - 1, -(2**31)))
                counts = [self.random.choice((0, 1, 5)) for _ in range(self.random.choice((0, 2, 160, 200)))]
                side.bucket_counts.extend(counts)
                total += sum(counts)
        to.count = total if not self._rarely(0.1) else self._count()
        if self._rarely(0.8):
            to.sum = self.random.choice(DOUBLES)
        self._exemplars(to.exemplars)
