"""Services of several workers behind gunicorn and uvicorn: one page has what all of them count, and each request one span."""

import json
import os
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import HOSTS, Host, Receiver, Start, free_port, wait_until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
GUNICORN = "if __name__ == '__main__':\n    from gunicorn.app.wsgiapp import run\n    run()\n"
UVICORN = "if __name__ == '__main__':\n    from uvicorn.main import main\n    main()\n"


@dataclass
class Service:
    host: Host
    port: int
    metrics: int
    asked: int = 0

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers=named)
        answer: Any
        try:
            answer = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.asked += 1
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    def leave(self, path: str) -> None:
        """Ask for a long answer, and go when it begins."""
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: host\r\n\r\n".encode())
            client.recv(100)

    def samples(self, name: str) -> dict[str, float]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.metrics}/metrics")
        with urllib.request.urlopen(request, timeout=5) as answer:
            found = re.findall(rf"^{name}(?:\{{(.*?)\}})? (\S+)", answer.read().decode(), re.MULTILINE)
        return {labels: float(value) for labels, value in found}

    def counted(self) -> dict[tuple[str, str, str], float]:
        """By method, route and status."""
        order = ("method", "route", "status")
        return {
            tuple(dict(re.findall(r'(\w+)="(.*?)"', labels)).get(name, "") for name in order): value  # type: ignore[misc]
            for labels, value in self.samples("http_requests_total").items()
        }


Serve = Callable[..., Service]


@pytest.fixture
def serve(start: Start, tmp_path: Path) -> Serve:
    def begin(program: str, application: str, *options: str, **environment: str) -> Service:
        port, metrics = free_port(), free_port()
        if program == GUNICORN:
            options = ("--bind", f"127.0.0.1:{port}", "--chdir", str(HOSTS), *options)
        else:
            options = ("--port", str(port), "--app-dir", str(HOSTS), *options)
        own = {"METRICS_PORT": str(metrics), "OTEL_BSP_SCHEDULE_DELAY": "100", "HOME": str(tmp_path)}
        service = Service(start(program, *options, application, **{**own, **environment}), port, metrics)

        def up() -> bool:
            assert service.host.process.poll() is None, (service.host.wait(), service.host.lines, service.host.errors)
            with suppress(OSError):
                return service.ask("/up")[0] == 404
            return False

        wait_until(up, 40)
        return service

    return begin


def pids(service: Service, number: int) -> set[int]:
    """Ask until so many workers have answered."""
    seen: set[int] = set()

    def asked() -> bool:
        with suppress(OSError):
            seen.add(json.loads(service.ask("/orders/1")[2])["pid"])
        return len(seen) >= number

    wait_until(asked)
    return seen


@pytest.mark.parametrize(
    ("program", "application", "options", "route"),
    [
        (GUNICORN, "web_flask:app", ("-w", "2"), "/orders/<int:number>"),
        (
            GUNICORN,
            "web_flask:app",
            ("-w", "2", "--preload", "-k", "gthread", "--threads", "2"),
            "/orders/<int:number>",
        ),
        (GUNICORN, "web_fastapi:app", ("-w", "2", "-k", "uvicorn_worker.UvicornWorker"), "/orders/{number}"),
        (GUNICORN, "web_aiohttp:app", ("-w", "2", "-k", "aiohttp.GunicornWebWorker"), "/orders/{number}"),
        (UVICORN, "web_fastapi:app", ("--workers", "2"), "/orders/{number}"),
        (GUNICORN, "web_django:wsgi", ("-w", "2"), "/orders/<int:number>"),
        (UVICORN, "web_django:asgi", ("--workers", "2"), "/orders/<int:number>"),
    ],
    ids=[
        "sync",
        "gthread, preloaded",
        "uvicorn's worker",
        "aiohttp's worker",
        "uvicorn",
        "Django, WSGI",
        "Django, ASGI",
    ],
)
def test_one_page_has_what_all_workers_count_and_each_request_has_one_span(
    serve: Serve, receiver: Receiver, program: str, application: str, options: tuple[str, ...], route: str
) -> None:
    service = serve(program, application, *options, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    pids(service, 2)
    status, headers, _ = service.ask("/orders/7", x_request_id="abc-1", **CALLED)
    assert (status, headers["x-request-id"]) == (200, "abc-1")
    wait_until(lambda: sum(service.counted().values()) == service.asked)  # a new worker is silent at first
    counted = service.counted()
    assert counted[("GET", route, "200")] == service.samples("orders_total")[""]
    assert counted[("GET", "unmatched", "404")] >= 1
    assert sum(service.samples("http_request_duration_seconds_count").values()) == sum(counted.values())
    wait_until(lambda: [span for span in receiver.spans if span.trace_id.hex() == TRACE])
    service.host.stop()
    (span,) = [span for span in receiver.spans if span.trace_id.hex() == TRACE]
    assert (span.parent_span_id.hex(), span.kind) == (PARENT, 2)  # as OTLP numbers a server's
    assert route in span.name
    assert sum(span.kind == 2 for span in receiver.spans) == sum(counted.values()), "none is lost at the end"
    assert not service.host.saying("Logging error")
    if "aiohttp" not in application:
        assert ("abc-1", TRACE) in {
            (line.get("request_id"), line.get("trace_id")) for line in service.host.saying("order read")
        }


@pytest.mark.parametrize(
    ("program", "application", "options"),
    [
        (GUNICORN, "web_flask:app", ("-w", "1", "-k", "gthread")),
        (UVICORN, "web_fastapi:app", ()),
    ],
    ids=["WSGI", "ASGI"],
)
def test_each_answer_is_counted_as_what_it_was(
    serve: Serve, receiver: Receiver, program: str, application: str, options: tuple[str, ...]
) -> None:
    service = serve(program, application, *options, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert service.ask("/orders/404")[0] == 404
    assert service.ask("/broken")[0] == 500
    assert service.ask("/stream")[2].count(b"data") == 3
    assert service.ask("/api/orders", "POST")[0] in (200, 201)
    service.leave("/long")
    pattern = "/orders/<int:number>" if "flask" in application else "/orders/{number}"
    expected = {
        ("GET", pattern, "404"),
        ("GET", "/broken", "500"),
        ("GET", "/stream", "200"),
        ("GET", "unmatched", "404"),
        ("GET", "/long", "499"),
    }
    if "flask" in application:
        assert service.ask("/file")[2] == b"abc"
        expected |= {("GET", "/file", "200"), ("POST", "/api/orders", "201")}
    else:
        assert service.ask("/desk/7/page/x")[0] == 200
        upgrade(service, "/socket/one")
        expected |= {
            ("POST", "/api/orders", "200"),
            ("GET", "/desk/{desk}/page/{name}", "200"),
            ("GET", "/socket/{name}", "101"),
        }
    wait_until(lambda: set(service.counted()) >= expected)
    assert set(service.counted()) == expected
    timed = " ".join(service.samples("http_request_duration_seconds_count"))
    assert not any(route in timed for route in ("/stream", "/long", "/socket")), "none of them is a latency"
    wait_until(lambda: {"GET /long", "GET /broken"} <= {span.name for span in receiver.spans})
    failed = {span.name for span in receiver.spans if span.status.code == 2}
    assert failed == {"GET /broken"}
    (line,) = service.host.saying("Exception")[:1]
    assert line["trace_id"] == receiver.named("GET /broken")[0].trace_id.hex()


def upgrade(service: Service, path: str) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        lines = (
            f"GET {path} HTTP/1.1",
            "Host: host",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        client.sendall("\r\n".join((*lines, "", "")).encode())
        assert b" 101 " in client.recv(4096)


def test_what_is_counted_never_falls_while_workers_are_replaced(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "values").mkdir()
    multiprocess = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "values")}
    service = serve(GUNICORN, "web_flask:app", "-w", "2", "--max-requests", "5", **multiprocess)
    asked, seen = 0, set[int]()

    def ask() -> None:
        nonlocal asked
        with suppress(OSError):  # a worker that has had its number closes its socket
            status, _, body = service.ask("/orders/1")
            assert status == 200
            seen.add(json.loads(body)["pid"])
            asked += 1

    def orders() -> float:
        return service.samples("orders_total").get("", 0)

    highest = 0.0
    for number in range(30):
        ask()
        if number % 10 == 9:
            assert orders() >= highest
            highest = orders()
    os.kill(service.host.process.pid, signal.SIGHUP)
    before = set(seen)
    wait_until(lambda: (ask(), not pids(service, 1) <= before)[1])
    assert len(seen) > 2
    wait_until(lambda: orders() >= asked)
    assert service.counted()[("GET", "/orders/<int:number>", "200")] == orders()


def of_the_trace(receiver: Receiver) -> list[Any]:
    return [span for span in list(receiver.spans) if span.trace_id.hex() == TRACE]


def test_a_host_that_traces_its_requests_itself_has_one_span_of_each(serve: Serve, receiver: Receiver) -> None:
    service = serve(UVICORN, "web_fastapi:app", OWN="opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    _, headers, _ = service.ask("/orders/7", **CALLED)
    assert "x-request-id" in headers
    wait_until(lambda: [span for span in of_the_trace(receiver) if span.kind == 2])
    assert ("GET", "/orders/{number}", "200") in service.counted()
    service.host.stop()
    assert [span.parent_span_id.hex() for span in of_the_trace(receiver) if span.kind == 2] == [PARENT]


def test_a_host_that_counts_its_requests_itself_is_left_alone(serve: Serve) -> None:
    service = serve(UVICORN, "web_fastapi:app", OWN="instrumentator")
    service.ask("/orders/7")
    assert any("handler" in labels for labels in service.samples("http_requests_total"))
    assert not any("route=" in labels for labels in service.samples("http_requests_total"))


def test_a_folder_for_metrics_that_is_not_there_is_said_and_breaks_no_request(serve: Serve, tmp_path: Path) -> None:
    service = serve(
        GUNICORN,
        "web_aiohttp:app",
        "-k",
        "aiohttp.GunicornWebWorker",
        PROMETHEUS_MULTIPROC_DIR="nowhere",
        OWN="nothing",
    )
    assert service.ask("/unknown")[0] == 404
    assert len(service.host.saying("requests are not counted: FileNotFoundError")) == 1


def test_the_first_requests_count_also_when_they_come_at_the_same_time(start: Start) -> None:
    program = (
        "import threading, time\nfrom atlas_instrumentation.wsgi import Observed\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n"
        "def ask():\n"
        "    together.wait()\n"
        "    answer = Observed(application)({'REQUEST_METHOD': 'GET'}, lambda *_: None)\n    list(answer), answer.close()\n"
        "together = threading.Barrier(16)\nthreads = [threading.Thread(target=ask) for _ in range(16)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "import prometheus_client\n"
        "labels = {'method': 'GET', 'route': 'unmatched', 'status': '200'}\n"
        "print(prometheus_client.REGISTRY.get_sample_value('http_requests_total', labels))\n"
    )
    host = start(program)
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["16.0"]
