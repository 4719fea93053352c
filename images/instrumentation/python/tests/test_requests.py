"""One rule for every way in which a request ends: what is counted, what is timed, and whose failure it is."""

import re
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Host, Receiver, Start, free_port, receiving, starting, wait_until

UNSET, ERROR = 0, 2
"""A span's status, as OTLP numbers it."""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Server:
    """The host, the ports of its applications by their prefix, and what it has told."""

    def __init__(self, host: Host, receiver: Receiver, ports: dict[str, int], metrics: int) -> None:
        self.host, self.receiver, self.ports, self.metrics = host, receiver, ports, metrics

    def ask(self, path: str, headers: Mapping[str, str] = {}, body: bytes = b"") -> socket.socket:
        """A connection on which the request has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.ports[path.split("/")[1]]), 20)
        named = {"Host": "service:80", "Content-Length": str(len(body)), "X-Request-ID": "r-1", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return connection

    def answer(self, path: str, headers: Mapping[str, str] = {}, body: bytes = b"") -> str:
        """Head and body, up to the end of the connection."""
        connection = self.ask(path, {"Connection": "close", **headers}, body)
        with closing(connection), connection.makefile("rb") as file:
            return file.read().decode("latin-1")

    def scraped(self, metric: str) -> dict[tuple[str, str], float]:
        """By route and status."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics") as page:
            found = re.findall(metric + r'\{method="\w+",route="(.*?)",status="(\d+)"\} (\S+)', page.read().decode())
        return {(route, status): float(value) for route, status, value in found}

    def told(self, route: str) -> tuple[str, bool, int]:
        """Of the one request of this route: the status that it counts with, whether it was timed, and its span's status."""
        wait_until(lambda: any(each == route for each, _ in self.scraped("http_requests_total")))
        ((status, count),) = [
            (status, count) for (each, status), count in self.scraped("http_requests_total").items() if each == route
        ]
        timed = self.scraped("http_request_duration_seconds_count").get((route, status))
        (span,) = wait_until(lambda: self.receiver.named(f"GET {route}"))
        stated = {each.key: each.value.int_value for each in span.attributes}
        assert (count, stated["http.response.status_code"]) == (1, int(status))
        assert timed in (None, 1)
        return status, timed == 1, span.status.code


@pytest.fixture(scope="module")
def server(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    ports, metrics = {name: free_port() for name in ("kept", "cancelled", "ending")}, free_port()
    with receiving() as receiver, starting(interpreter, tmp_path_factory.mktemp("answers")) as start:
        host = start(
            "answers.py",
            PORTS=" ".join(map(str, ports.values())),
            METRICS_PORT=str(metrics),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="50",
        )
        wait_until(lambda: host.saying("ready") or host.process.poll() is not None)
        assert host.process.poll() is None, (host.wait(), host.errors)
        yield Server(host, receiver, ports, metrics)


@pytest.mark.parametrize("prefix", ["kept", "cancelled"])
@pytest.mark.parametrize("name", ["wait", "fail_late", "stream", "file"])
def test_a_client_that_leaves_is_counted_and_is_no_failure(server: Server, prefix: str, name: str) -> None:
    path = f"/{prefix}/{name}"
    with closing(server.ask(path)):
        wait_until(lambda: server.host.saying(f"at work {path}"))
    assert server.told(path) == ("499", False, UNSET)


@pytest.mark.parametrize("prefix", ["kept", "cancelled"])
def test_a_client_may_go_when_it_has_its_answer(server: Server, prefix: str) -> None:
    path = f"/{prefix}/ends"
    with closing(server.ask(path)) as connection:
        received = b""
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += connection.recv(4096)
    assert server.told(path) == ("200", True, UNSET)


@pytest.mark.parametrize("prefix", ["kept", "cancelled"])
def test_a_websocket_counts_once_and_is_not_timed(server: Server, prefix: str) -> None:
    with closing(server.ask(f"/{prefix}/socket", UPGRADE)) as connection:
        received = b""
        while not received.endswith(b"hello"):
            received += connection.recv(4096)
    assert server.told(f"/{prefix}/socket") == ("101", False, UNSET)


def test_what_ends_at_the_services_end_is_not_its_clients_leaving(server: Server) -> None:
    paths = ["/ending/wait", "/ending/stream?type=text/event-stream"]
    connections = [server.ask(path) for path in paths] + [server.ask("/ending/socket", UPGRADE)]
    wait_until(lambda: all(server.host.saying(f"at work {path.partition('?')[0]}") for path in paths))
    received = b""
    while not received.endswith(b"hello"):
        received += connections[-1].recv(4096)
    server.ports["end"] = server.ports["kept"]
    assert " 200 " in server.answer("/end")
    assert server.told("/ending/wait") == ("500", True, ERROR)
    assert server.told("/ending/stream") == ("200", False, UNSET)
    assert server.told("/ending/socket") == ("101", False, UNSET)
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("name", "given", "status", "span"),
    [
        ("fails", "500", "500", ERROR),
        ("breaks", "200", "500", ERROR),
        ("nothing", "500", "500", ERROR),
        ("times_out", "504", "504", ERROR),
        ("unavailable", "503", "503", ERROR),
        ("raises", "404", "404", UNSET),
        ("returns", "400", "400", UNSET),
        ("missing", "404", "404", UNSET),
        ("body", "413", "413", UNSET),
    ],
)
def test_an_answer_counts_with_what_was_given_and_a_broken_one_as_a_failure(
    server: Server, name: str, given: str, status: str, span: int
) -> None:
    answer = server.answer(f"/kept/{name}", body=b"x" * 2000)
    assert answer.startswith(f"HTTP/1.1 {given} ")
    assert "x-request-id: r-1" in answer.lower()
    assert server.told(f"/kept/{name}") == (status, True, span)


def test_the_failure_of_a_websocket_is_its_spans(server: Server) -> None:
    assert "hello" in server.answer("/kept/broken", UPGRADE)
    assert server.told("/kept/broken") == ("101", False, ERROR)


def test_what_an_application_says_stays(server: Server) -> None:
    assert "x-request-id: mine" in server.answer("/kept/own_id").lower()
    assert "r-1" not in server.answer("/kept/own_id")


@pytest.mark.parametrize("host", ["a:b:c", "[", "x:99999999", "", "[::1]:8", "\u00e9"])
def test_a_strange_name_of_the_service_changes_no_answer(server: Server, host: str) -> None:
    assert server.answer("/cancelled/inner/one", {"Host": host}).startswith("HTTP/1.1 200 ")


def test_a_header_that_is_no_text_is_sent_as_one(server: Server) -> None:
    connection = server.ask("/cancelled/returns", {"Connection": "close", "User-Agent": "\u00ff"})
    with closing(connection):
        assert b" 400 " in connection.recv(100)
    server.told("/cancelled/returns")
    (span,) = server.receiver.named("GET /cancelled/returns")
    assert {each.value.string_value for each in span.attributes if each.key == "user_agent.original"} == {"?"}
    assert not server.host.saying("Failed to encode")


def test_a_middleware_that_answers_is_counted(server: Server) -> None:
    assert " 401 " in server.answer("/cancelled/raises", {"X-Answer": "1"})
    assert server.told("/cancelled/raises") == ("401", True, UNSET)


def test_what_is_no_http_is_no_request(server: Server) -> None:
    before = sum(server.scraped("http_requests_total").values())
    with closing(socket.create_connection(("127.0.0.1", server.ports["kept"]), 20)) as connection:
        connection.sendall(b"no http\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 400 ")
    assert " 200 " in server.answer("/kept/inner/one")
    assert server.told("/kept/inner/{name}") == ("200", True, UNSET)
    assert sum(server.scraped("http_requests_total").values()) == before + 1


OTHERS = """
import os
from aiohttp import web
from opentelemetry.instrumentation import aiohttp_server

aiohttp_server.AioHttpServerInstrumentor().instrument()

async def handle(request):
    return web.Response()

app = web.Application(middlewares=[aiohttp_server.middleware, aiohttp_server.create_aiohttp_middleware()])
app.add_routes([web.get("/{name}", handle)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["HTTP_PORT"]), print=lambda *_: print("ready"))
"""


def test_a_host_that_instruments_aiohttp_itself_has_one_span_for_a_request(start: Start, receiver: Receiver) -> None:
    port = free_port()
    host = start(
        OTHERS,
        HTTP_PORT=str(port),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_PYTHON_AIOHTTP_SERVER_EXCLUDED_URLS="/health",
    )
    wait_until(lambda: host.saying("ready") or host.process.poll() is not None)
    for name in ("one", "health", "two"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}") as answer:
            assert answer.status == 200
    host.stop()
    assert sorted(
        each.value.string_value for span in receiver.spans for each in span.attributes if each.key == "url.path"
    ) == ["/one", "/two"]
