"""Registries are asked without credentials, all at once and for seconds; what they answer is not trusted."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.machine import require_program
from tests.support.mirror import running_mirror
from tools import oci, registry
from tools.registry import ImageName, canonical_name, find_unavailable

MANIFEST = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
DIGEST = f"sha256:{'a' * 64}"


@dataclass
class Server:
    """A registry that answers each path as it was told: a status with headers and a body."""

    host: str
    answers: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    """Method, path with query, and headers."""
    token: str = ""
    """What a manifest is given for, where it is set."""
    wait: float = 0

    def has(self, repository: str, headers: Mapping[str, str] = MANIFEST, version: str = "1") -> str:
        self.answers[f"/v2/{repository}/manifests/{version}"] = (200, headers, b"")
        return f"{self.host}/{repository}:{version}"

    def gives_tokens(self, realm: str, document: Any) -> None:
        self.token = "a-token-for-all"  # noqa: S105 - of a server of this test's own
        self.realm = realm
        self.answers["/token"] = (200, {"Content-Type": "application/json"}, json.dumps(document).encode())


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            server.asked.append((self.command, self.path, dict(self.headers.items())))
            time.sleep(server.wait)
            status, headers, body = server.answers.get(path, (404, {}, b""))
            authorized = self.headers.get("Authorization") == f"Bearer {server.token}"
            if server.token and path.startswith("/v2/") and not authorized:
                challenge = f'Bearer realm="{server.realm}",service="here",scope="repository:a/b:pull"'
                status, headers, body = 401, {"WWW-Authenticate": challenge}, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_CONNECT = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server = Server(f"localhost:{httpd.server_address[1]}")
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            httpd.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_what_a_registry_has_can_be_pulled_and_the_rest_is_named(server: Server) -> None:
    there = server.has("prom/prometheus")
    missing = f"{server.host}/prom/alertmanager:1"

    assert find_unavailable([there, missing]) == {missing: "the registry localhost does not have prom/alertmanager"}
    assert {method for method, _, _ in server.asked} == {"HEAD"}, "a HEAD does not count against a limit of pulls"


def test_a_digest_is_asked_for_before_a_tag(server: Server) -> None:
    server.has("a/b", version=DIGEST)

    assert find_unavailable([f"{server.host}/a/b:1@{DIGEST}"]) == {}


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_that_everybody_gets_is_asked_for(server: Server, key: str) -> None:
    reference = server.has("a/b")
    server.gives_tokens(f"http://{server.host}/token?account=none", {key: "a-token-for-all"})

    assert find_unavailable([reference]) == {}
    (query,) = [parse_qs(urlsplit(path).query) for method, path, _ in server.asked if method == "GET"]
    assert query == {"service": ["here"], "scope": ["repository:a/b:pull"]}


@pytest.mark.parametrize(
    ("realm", "document"),
    [
        ("file:///etc/hostname", {}),
        ("http://registry.example.com/token", {}),
        ("ftp://localhost/token", {}),
        (None, {"token": "a\r\nX-Evil: 1"}),
        (None, {"token": 7}),
        (None, ["a"]),
    ],
)
def test_a_registry_leads_nowhere_else(server: Server, realm: str | None, document: Any) -> None:
    reference = server.has("a/b")
    server.gives_tokens(realm or f"http://{server.host}/token", document)

    assert find_unavailable([reference]) == {
        reference: "the registry localhost does not speak the protocol of registries"
    }


def test_a_registry_with_a_password_asks_for_credentials(server: Server) -> None:
    reference = server.has("a/b")
    server.answers["/v2/a/b/manifests/1"] = (401, {"WWW-Authenticate": 'Basic realm="here"'}, b"")

    assert find_unavailable([reference]) == {reference: "the registry localhost asks for credentials"}


def test_a_page_of_something_else_is_no_manifest(server: Server) -> None:
    reference = server.has("a/b", {"Content-Type": "text/html; charset=utf-8"})

    assert find_unavailable([reference]) == {
        reference: "the registry localhost answers with something else than a manifest"
    }


def test_a_token_does_not_follow_to_another_host(server: Server) -> None:
    with serving() as other:
        other.has("a/b")
        server.gives_tokens(f"http://{server.host}/token", {"token": "a-token-for-all"})
        place = {"Location": f"http://{other.host}/v2/a/b/manifests/1"}
        server.answers["/v2/a/b/manifests/1"] = (307, place, b"")

        assert find_unavailable([f"{server.host}/a/b:1"]) == {}
        assert [headers.get("Authorization") for _, _, headers in other.asked] == [None]


def test_all_registries_together_get_seconds(server: Server) -> None:
    server.wait = 30
    references = [server.has(f"a/{number}") for number in range(8)]
    unreachable = "localhost:1/a/b:1"
    begun = time.monotonic()
    answer = find_unavailable([*references, unreachable], seconds=0.5)

    assert time.monotonic() - begun < 5
    assert {answer[each] for each in references} <= {
        "the registry localhost does not answer within 0.5 s",
        "the registry localhost cannot be reached",
    }
    assert answer[unreachable] == "the registry localhost cannot be reached"


def test_a_name_that_is_looked_up_for_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_error", lambda *_: time.sleep(10))
    begun = time.monotonic()

    assert find_unavailable(["a.example.com/b:1"], seconds=0.2) == {
        "a.example.com/b:1": "the registry a.example.com does not answer within 0.2 s"
    }
    assert time.monotonic() - begun < 5


def test_a_proxy_is_asked_for_others_and_never_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        local = server.has("a/b")

        assert find_unavailable([local, "registry.example.com/a/b:1"]) == {
            "registry.example.com/a/b:1": "the registry registry.example.com cannot be reached"
        }
        assert [(method, path) for method, path, _ in proxy.asked] == [("CONNECT", "registry.example.com:443")]
        assert [method for method, _, _ in server.asked] == ["HEAD"]


def test_plain_http_is_for_this_machine_alone() -> None:
    assert ImageName.of("localhost:5000/a/b:1").url == "http://localhost:5000/v2/a/b/manifests/1"
    assert ImageName.of("127.0.0.1:5000/a/b:1").url == "http://127.0.0.1:5000/v2/a/b/manifests/1"
    assert ImageName.of("mirror.example.com:5000/x/a:1").url == "https://mirror.example.com:5000/v2/x/a/manifests/1"
    assert ImageName.of("localhost.example.com/a:1").url == "https://localhost.example.com/v2/a/manifests/1"
    assert ImageName.of("redis:7").url == "https://registry-1.docker.io/v2/library/redis/manifests/7"
    assert not registry.is_loopback("127.0.0.1.example.com")


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("atlas/api:1", "docker.io/atlas/api:1"),
        ("redis:7", "docker.io/library/redis:7"),
        ("grafana/grafana:13.2.0@sha256:ab", "docker.io/grafana/grafana@sha256:ab"),
        ("quay.io/a/b:1@sha256:ab", "quay.io/a/b@sha256:ab"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("localhost:5000/a/b@sha256:ab", "localhost:5000/a/b@sha256:ab"),
    ],
)
def test_an_image_is_looked_for_by_the_name_that_the_runtime_gives_it(written: str, known: str) -> None:
    assert canonical_name(written) == known


def test_a_real_registry_has_what_was_pushed_by_its_digest(tmp_path: Path) -> None:
    require_program("docker-registry", "docker-registry")
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF and so on")
    with running_mirror(tmp_path / "registry") as mirror:
        pushed = f"{mirror.host}/{mirror.push(oci.from_binary('tool', program), 'team/tool:1')}"
        other = f"{mirror.host}/team/tool:1@{DIGEST}"

        assert find_unavailable([pushed, other]) == {other: "the registry localhost does not have team/tool"}
