"""A store of logs that refuses what Loki refuses, as its public documentation says. Loki itself cannot be run here.

- Maps are taken apart under names joined by ``_``; each name is made a label's by the rule of ``prometheus/otlptranslator``. A name
  that the rule has no label for refuses the whole request.
- A record has at most 128 fields of structured metadata, of 64 KiB together (``max_structured_metadata_entries_count``, ``_size``):
  the attributes of its resource that are no stream's labels, those of its scope and its own, and what else it holds.
- A line has at most 256 KiB, a label's value 1,024 bytes (``max_line_size``, ``max_label_value_length``).
- Of its times ``loki_model.py`` tells the rules.

It is stricter than Loki in that a record of which anything is refused refuses its request.
"""

import base64
import gzip
import json
import re
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.support.loki_model import LokiModel

STREAM_LABELS = frozenset(LokiModel.as_shipped().labels)
MAX_FIELDS = 128
MAX_FIELD_BYTES = 64 << 10
MAX_LINE = 256 << 10
MAX_LABEL_VALUE = 1024


def label_name(name: str) -> str:
    """What ``LabelNamer.Build`` of otlptranslator makes of a name.

    Raises:
        ValueError: nothing.
    """
    if not name:
        raise ValueError("label name is empty")
    if len(name) >= 4 and name.startswith("__") and name.endswith("__"):
        built = f"__{_compliant(name[2:-2])}__"
    else:
        built = _compliant(name)
    if built[0].isdigit():
        built = f"key_{built}"
    if not built.strip("_"):
        raise ValueError(f"label name {name!r} resulted in {built!r}")
    return built


def _compliant(name: str) -> str:
    return re.sub("_+", "_", re.sub("[^a-zA-Z0-9]", "_", name))


def text_of(value: Any) -> str:
    """A value as the text that is stored."""
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)


def fields(pairs: Iterable[Any], above: str = "") -> Iterator[tuple[str, str]]:
    """The attributes as structured metadata."""
    for pair in pairs:
        name = label_name(pair.key)
        name = f"{above}_{name}" if above else name
        if pair.value.WhichOneof("value") == "kvlist_value":
            yield from fields(pair.value.kvlist_value.values, name)
        else:
            yield name, text_of(pair.value)


def refusals(request: ExportLogsServiceRequest) -> Iterator[str]:
    """Why Loki would not take this, whatever its times are."""
    for group in request.resource_logs:
        labels = [pair for pair in group.resource.attributes if pair.key in STREAM_LABELS]
        yield from (
            f"a label of {len(text_of(pair.value))}" for pair in labels if len(text_of(pair.value)) > MAX_LABEL_VALUE
        )
        shared = list(fields(pair for pair in group.resource.attributes if pair.key not in STREAM_LABELS))
        for each in group.scope_logs:
            scope = [
                ("scope_name", each.scope.name),
                ("scope_version", each.scope.version),
                *fields(each.scope.attributes),
            ]
            for record in each.log_records:
                yield from _of_record(record, [*shared, *scope])


def _of_record(record: Any, shared: list[tuple[str, str]]) -> Iterator[str]:
    own = [
        ("observed_timestamp", str(record.observed_time_unix_nano)),
        ("severity_number", str(record.severity_number)),
        ("severity_text", record.severity_text),
        ("dropped_attributes_count", str(record.dropped_attributes_count)),
        ("flags", str(record.flags)),
        ("trace_id", record.trace_id.hex()),
        ("span_id", record.span_id.hex()),
        ("event_name", record.event_name),
        ("detected_level", "information"),
    ]
    every = [*shared, *own, *fields(record.attributes)]
    size = sum(len(name.encode()) + len(text.encode()) for name, text in every)
    if len(every) > MAX_FIELDS:
        yield f"{len(every)} fields"
    if size > MAX_FIELD_BYTES:
        yield f"fields of {size} bytes"
    if (length := len(text_of(record.body).encode())) > MAX_LINE:
        yield f"a line of {length} bytes"


class LokiRules:
    """It takes OTLP as protobuf at ``url``. What it took is in ``records``; ``refused`` says why it did not take the rest."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.refused: list[str] = []
        times, lock, store = LokiModel.as_shipped(), threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                request = ExportLogsServiceRequest.FromString(body)
                try:
                    reasons = list(refusals(request))
                except ValueError as error:
                    reasons = [str(error)]
                with lock:
                    before = times.refused.copy()
                    taken = list(times.take(request))
                    reasons += (times.refused - before).elements()
                    if reasons:
                        store.refused += reasons
                    else:
                        store.records += taken
                self.send_response(400 if reasons else 200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the tests read what was taken."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
