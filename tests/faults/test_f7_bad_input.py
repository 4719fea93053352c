"""F7: input that is broken, enormous or explodes in labels. Nothing crashes, refusals say why, good neighbours get through."""

import gzip
import http.client
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.faults.counting import WORD, Sender, Store, request
from tests.faults.pipeline import VICTORIALOGS_PATHS, WITH_VICTORIALOGS, Pipeline, Variant, flowing, gateway_of
from tests.faults.rendered import workload
from tests.faults.report import Report
from tests.support.addresses import loopback
from tests.support.collector_process import AGENT, pod
from tests.support.prometheus_process import Prometheus, cluster, service
from tests.support.tool_process import ToolProcess, running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import comes_true, wait_until

MIB = 1 << 20
CUT = -1
GROWTH = 0.25
SETTLED = 40
"""Seconds until Go's heap has the size of its load, and until it has given back what is garbage."""
STEADY = 6
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass(frozen=True)
class Bad:
    """A request that has to be refused with ``status``. Where that is ``CUT`` the connection may be closed while it is sent."""

    status: int
    body: bytes = b""
    kind: str = PROTOBUF
    encoding: str | None = None
    method: str = "POST"


def catalogue() -> Mapping[str, Bad]:
    good = request("logs", "otlp-bad", [0])
    bomb = gzip.compress(b"\0" * (200 * MIB), compresslevel=1)
    return {
        "garbage as protobuf": Bad(400, b"\xff\xfe\x00garbage" * 50),
        "a protobuf that breaks off": Bad(400, good[:-7]),
        "garbage as JSON": Bad(400, b'{"resourceLogs": [', JSON),
        "a number as JSON": Bad(400, b"42", JSON),
        "no gzip though it says so": Bad(400, good, encoding="gzip"),
        "a gzip that breaks off": Bad(400, gzip.compress(good)[:-9], encoding="gzip"),
        "an unknown encoding": Bad(400, good, encoding="br"),
        "another content type": Bad(415, b"hello", "text/plain"),
        "a GET": Bad(405, method="GET"),
        "25 MB": Bad(CUT, request("logs", "otlp-bad", [1], "x" * 25 * MIB)),
        "a bomb of 200 MB": Bad(400, bomb, encoding="gzip"),
    }


def send(address: str, bad: Bad) -> int:
    """The status of the answer; ``CUT`` when it was refused or the connection closed before all was sent."""
    connection = http.client.HTTPConnection(address, 4318, timeout=30)
    headers = {"Content-Type": bad.kind} | ({"Content-Encoding": bad.encoding} if bad.encoding else {})
    try:
        connection.request(bad.method, "/v1/logs", bad.body or None, headers)
        status = connection.getresponse().status
        return CUT if bad.status == CUT and status >= 400 else status
    except (ConnectionError, http.client.HTTPException):
        return CUT
    finally:
        connection.close()


@contextmanager
def half_open(address: str, connections: int) -> Iterator[None]:
    """Connections that begin a request and never end it, and junk on the port of gRPC."""
    with ExitStack() as stack:
        for port in (4318, 4317):
            for _ in range(connections // 2):
                opened = stack.enter_context(socket.create_connection((address, port), timeout=5))
                opened.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        yield


def steady_memory(process: ToolProcess, seconds: float) -> float:
    """What it holds under its ordinary load, once that has not grown for a while or ``seconds`` have passed."""
    begun = since = time.monotonic()
    held = process.memory("RssAnon")
    while time.monotonic() - since < STEADY and time.monotonic() - begun < seconds:
        time.sleep(0.25)
        if (found := process.memory("RssAnon")) > 1.02 * held:
            held, since = found, time.monotonic()
    return held


def least_memory(process: ToolProcess, seconds: float, enough: float) -> float:
    """The least that it holds within ``seconds``, or what is ``enough``: what is kept stays, and garbage goes sooner or later."""
    end, found = time.monotonic() + seconds, math.inf
    while time.monotonic() < end and found > enough:
        time.sleep(0.25)
        found = min(found, process.memory("RssAnon"))
    return found


def collector_drill(
    folder: Path,
    seconds: float,
    variant: Variant | None = None,
    environment: Mapping[str, str] | None = None,
    settled: float = SETTLED,
) -> Report:
    report, bads = Report("F7 bad input to the gateway"), catalogue()
    pipeline = Pipeline(folder, gateway_variant=variant, environment=environment)
    with flowing(pipeline), running(pipeline.load(500)) as load:
        address = pipeline.gateway.address
        before, wrong = steady_memory(pipeline.gateway, settled), set[str]()
        with half_open(address, 200):
            begun = time.monotonic()
            for turn in count():
                wrong |= {name for name, bad in bads.items() if send(address, bad) != bad.status}
                if turn and time.monotonic() - begun > seconds:
                    break
        peak = pipeline.gateway.memory("RssAnon")
        begun = time.monotonic()
        after = least_memory(pipeline.gateway, settled, enough=before * (1 + GROWTH))
        settled = time.monotonic() - begun
        load.stop()
        report.require("each refused with its own answer" + "".join(f"; {name}" for name in sorted(wrong)), not wrong)
        report.require("the gateway alive", pipeline.gateway.ended is None)
        report.judge("neighbours' requests refused", sum(load.answers().values()), 0)
        report.judge("neighbours' records lost", pipeline.settle(load), 0)
        report.tell("memory before", before / MIB, " MiB")
        report.tell("memory at the end of the bad input", peak / MIB, " MiB")
        report.judge("memory grown", 100 * (after / before - 1), 100 * GROWTH, " %")
        report.tell("memory given back after", settled, " s")
    return report


def test_bad_input_to_the_gateway_is_refused_and_harms_no_neighbour(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(collector_drill(tmp_path, 120 if full else 5))


def test_the_drill_sees_a_gateway_that_keeps_what_was_refused(tmp_path: Path) -> None:
    """A runtime that never collects its garbage: the memory of each refused request stays."""
    never = {"GOGC": "off", "GOMEMLIMIT": "off"}
    assert collector_drill(tmp_path, 1, environment=never, settled=15).missed == ["memory grown"]


def bottomless(config: dict[str, Any]) -> None:
    """Requests of any size."""
    config["receivers"]["otlp"]["protocols"]["http"]["max_request_body_size"] = 1 << 40


def test_the_drill_sees_a_gateway_that_takes_any_size(tmp_path: Path) -> None:
    missed = collector_drill(tmp_path, 1, bottomless, settled=1).missed
    assert any("25 MB" in name for name in missed)


STREAMS = 50_000
"""Ten times what Loki takes; VictoriaLogs takes all, and each costs it memory and disk."""


def log_drill(folder: Path, seconds: float, variant: Variant | None = None) -> Report:
    """A pod calls itself something else in each record."""
    report, away = Report("F7 streams that explode in VictoriaLogs"), Store()
    store = VictoriaLogs(folder / "store", rendered=workload("victorialogs", WITH_VICTORIALOGS).args)
    try:
        store.start()
        stores = dict.fromkeys(("traces", "metrics", "metrics_replica"), away.url) | {"logs": store.url}
        rendered = workload("otel-collector", WITH_VICTORIALOGS)
        pods = {("trading", "pods"): [pod("api-0", "trading", AGENT)]}
        gateway = gateway_of(rendered, folder / "gateway", stores, variant=variant, paths=VICTORIALOGS_PATHS, pods=pods)
        good = Sender("logs", gateway.address, "otlp-good", rate=200)
        with running(gateway):
            good.start()
            time.sleep(2)
            taken = [send(gateway.address, Bad(200, _exploding(at, 1000))) for at in range(0, STREAMS, 1000)]
            time.sleep(seconds)
            good.stop()
            counting = f'"service.name":=api _msg:"{WORD} otlp-good "'
            begun = time.monotonic()
            found = 0
            while store.ended is None and found < len(good.acknowledged) and time.monotonic() - begun < 20:
                time.sleep(1)
                found = store.number(counting)
        report.require("each request taken", set(taken) == {200})
        report.require("VictoriaLogs alive", store.ended is None)
        streams = _streams(store.own_metrics()) if store.ended is None else math.inf
        report.judge(
            "neighbours' requests refused", sum(times for said, times in good.answers.items() if said != "200"), 0
        )
        report.judge("neighbours' records missing", len(good.acknowledged) - found, 0)
        report.judge("neighbours' records doubled", found - len(good.acknowledged), 0)
        report.judge("streams", streams, 10)
    finally:
        store.stop()
        away.close()
    return report


def _streams(told: str) -> float:
    """How many streams VictoriaLogs has made."""
    return sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith("vl_streams_created_total"))


def _exploding(first: int, number: int) -> bytes:
    logs = ExportLogsServiceRequest()
    for at in range(first, first + number):
        group = logs.resource_logs.add()
        group.resource.attributes.add(key="service.name").value.string_value = f"worker-{at}"
        group.resource.attributes.add(key="service.namespace").value.string_value = f"shard-{at}"
        group.resource.attributes.add(key="k8s.pod.uid").value.string_value = f"nobody-{at}"
        group.resource.attributes.add(key="k8s.container.name").value.string_value = f"worker-{at}"
        record = group.scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
        record.body.string_value = "started"
    return logs.SerializeToString()


def test_a_service_of_a_thousand_names_holds_up_nobodys_logs(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(log_drill(tmp_path, 120 if full else 5))


def names_as_claimed(config: dict[str, Any]) -> None:
    """A record's service is what its resource says."""
    for processor in ("transform/claims", "transform/streams"):
        config["service"]["pipelines"]["logs"]["processors"].remove(processor)


def test_the_drill_sees_a_gateway_that_believes_every_name(tmp_path: Path) -> None:
    assert "streams" in log_drill(tmp_path, 2, names_as_claimed).missed


SERIES = 500_000
"""Ten times what Prometheus takes of a target."""


@contextmanager
def exploding_page() -> Iterator[str]:
    """An address at whose port 9000 a page of very many series is."""
    page = "".join(f'orders{{id="{number}"}} 1\n' for number in range(SERIES)).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    address = loopback()
    server = ThreadingHTTPServer((address, 9000), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


def prometheus_drill(folder: Path, seconds: float, variant: Variant | None = None) -> Report:
    """A target shows ten times as many series as Prometheus takes of one."""
    report, address, rendered = Report("F7 series that explode in Prometheus"), loopback(), workload("prometheus")
    config = yaml.safe_load(rendered.file("config/prometheus.yaml"))
    config.pop("remote_write")
    if variant:
        variant(config)
    with exploding_page() as page:
        known = cluster(
            service("prometheus", "http-metrics", 9090, [address]), service("exploding", "http-metrics", 9000, [page])
        )
        files = {"prometheus.yaml": yaml.safe_dump(config)}
        prometheus = Prometheus(folder / "prometheus", address, files, known, interval="3s")
        try:
            prometheus.start()
            wait_until(lambda: prometheus.query('up{service="exploding"}'), 60, "a scrape of the exploding target")
            time.sleep(seconds)
            (neighbour,) = prometheus.query('min_over_time(up{service="prometheus"}[1h])')
            (exploding,) = prometheus.query('max_over_time(up{service="exploding"}[1h])')
            stored = prometheus.query('count({__name__="orders"}) or vector(0)')
            counted = "prometheus_target_scrapes_exceeded_sample_limit_total >= 1"
            told = comes_true(lambda: prometheus.query(counted), 15)  # it scrapes itself every three seconds
            report.require("the neighbour scraped each time", neighbour["value"][1] == "1")
            report.require("the exploding target refused", exploding["value"][1] == "0")
            report.require("the refusal counted", told)
            report.judge("series of it", float(stored[0]["value"][1]), 0)
            report.tell("memory", prometheus.memory("RssAnon") / MIB, " MiB")
        finally:
            prometheus.stop()
    return report


def test_a_target_of_very_many_series_is_refused_and_its_neighbour_is_not(
    tmp_path: Path, full: bool, passes: Callable[[Report], None]
) -> None:
    passes(prometheus_drill(tmp_path, 120 if full else 4))


def without_limit(config: dict[str, Any]) -> None:
    for job in config["scrape_configs"]:
        job.pop("sample_limit", None)


def test_the_drill_sees_a_prometheus_without_limits(tmp_path: Path) -> None:
    assert "series of it" in prometheus_drill(tmp_path, 4, without_limit).missed
