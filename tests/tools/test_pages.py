"""What ``make open`` says of a service: its page, or the query where it has none."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.support.addresses import free_port
from tools import pages

PAGE = "<!doctype html><script src=main.js></script>"
PLACEHOLDER = "<!doctype html><title>Test Page</title>"


@contextmanager
def server(answers: Mapping[str, str]) -> Iterator[int]:
    """A server with these texts by path, and 500 for any other; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = answers.get(urlsplit(self.path).path)
            self.send_response(500 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "Error opening React index.html").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_port
        serving.shutdown()


@pytest.mark.parametrize("service", [*pages.QUERIES, "grafana"])
def test_a_service_with_a_page_is_its_address(service: str) -> None:
    path = pages.PATHS.get(service, "")
    with server({path or "/": PAGE}) as port:
        assert pages.describe(service, port) == f"http://localhost:{port}{path}"


@pytest.mark.parametrize("service", pages.QUERIES)
@pytest.mark.parametrize("answers", [{"/": PLACEHOLDER}, {}], ids=["placeholder", "error"])
def test_a_service_without_a_page_names_its_query(service: str, answers: Mapping[str, str]) -> None:
    with server(answers) as port:
        said = pages.describe(service, port)
    assert said.startswith(f"http://localhost:{port} has no page; ask it: curl ")
    assert f"http://localhost:{port}/" in said.partition("ask it: ")[2]


def test_a_service_that_does_not_answer_names_its_query() -> None:
    assert "has no page; ask it: curl" in pages.describe("jaeger", free_port())


def test_a_service_that_nobody_asks_by_a_query_is_its_address() -> None:
    with server({}) as port:
        assert pages.describe("api", port) == f"http://localhost:{port}"
