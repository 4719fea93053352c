"""The docker stand-in, asked without an engine: what it sends to a registry, and what it says of each answer."""

import base64
import hashlib
import inspect
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi_docker import GetRegistryImageResult

from offline import docker, registry
from offline.docker import REGISTRY_IMAGE, Docker
from offline.docker_config import own_file, read_accounts
from offline.protocol import provider_pb2
from offline.provider import Refused
from offline.registry import ACCEPTED, HUB, Account, Name, NoAnswer, find_digest
from offline.values import decode, encode
from tests.support.addresses import free_port

DIGEST = "sha256:" + "0a" * 32
SOMEONE = Account("someone", "something")
BASIC = "Basic " + base64.b64encode(b"someone:something").decode()

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Server:
    """Answers by path and records what it was asked."""

    host: str
    answers: dict[str, Callable[[Mapping[str, str]], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def name(self, version: str = "1") -> Name:
        return Name(self.host, "team/tool", version)

    def manifest(self, answer: Callable[[Mapping[str, str]], Answer] | Answer, version: str = "1") -> None:
        """What is said of ``team/tool``."""
        self.answers[f"/v2/team/tool/manifests/{version}"] = answer if callable(answer) else lambda _: answer


@pytest.fixture
def servers() -> Iterator[Callable[[], Server]]:
    """``servers()`` starts one more."""
    running: list[ThreadingHTTPServer] = []

    def start() -> Server:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {key.lower(): value for key, value in self.headers.items()}
                path = self.path.partition("?")[0]
                said.asked.append((self.command, self.path, headers))
                status, extra, body = said.answers[path](headers) if path in said.answers else (404, {}, b"")
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **extra}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        said = Server(f"localhost:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()  # seconds to its end
        running.append(server)
        return said

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(servers: Callable[[], Server]) -> Server:
    return servers()


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        action()
    return str(caught.value)


def found(**headers: str) -> Answer:
    return 200, {"Docker-Content-Digest": DIGEST, **headers}, b""


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("registry.example.com/team/tool:1.2", Name("registry.example.com", "team/tool", "1.2")),
        (f"localhost:5000/tool:1@{DIGEST}", Name("localhost:5000", "tool", DIGEST)),
        ("localhost:5000/tool", Name("localhost:5000", "tool", "latest")),
        ("docker.io/grafana/loki:3", Name(HUB, "grafana/loki", "3")),
        ("redis:7", Name(HUB, "library/redis", "7")),
    ],
)
def test_a_reference_has_dockers_parts_and_defaults(reference: str, name: Name) -> None:
    assert Name.of(reference) == name


def test_one_question_is_enough_and_an_index_comes_before_the_images_in_it(server: Server) -> None:
    server.manifest(found())
    assert find_digest(server.name(), Account()) == DIGEST
    ((method, path, headers),) = server.asked
    assert (method, path) == ("HEAD", "/v2/team/tool/manifests/1")
    assert headers["accept"] == ", ".join(ACCEPTED)
    assert ["index" in each or "list" in each for each in ACCEPTED] == [True, True, False, False]
    assert "authorization" not in headers


def test_a_registry_that_names_no_digest_is_asked_for_what_it_is_of(server: Server) -> None:
    server.manifest((200, {}, b"a manifest"))
    assert find_digest(server.name(), Account()) == f"sha256:{hashlib.sha256(b'a manifest').hexdigest()}"
    assert [method for method, _, _ in server.asked] == ["HEAD", "GET"]


def test_an_account_is_sent(server: Server) -> None:
    server.manifest(lambda headers: found() if headers.get("authorization") == BASIC else (401, {}, b""))
    assert find_digest(server.name(), SOMEONE) == DIGEST
    assert len(server.asked) == 1


@pytest.mark.parametrize("account", [Account(), SOMEONE])
@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_is_fetched_where_the_registry_says(servers: Callable[[], Server], account: Account, key: str) -> None:
    server, tokens = servers(), servers()
    scope = "repository:team/tool:pull"
    challenge = f'Bearer realm="http://{tokens.host}/token",service="the service",scope="{scope}"'
    server.manifest(
        lambda headers: (
            found() if headers.get("authorization") == "Bearer abc.def" else (401, {"WWW-Authenticate": challenge}, b"")
        )
    )
    tokens.answers["/token"] = lambda _: (200, {}, json.dumps({key: "abc.def"}).encode())
    assert find_digest(server.name(), account) == DIGEST
    ((method, path, headers),) = tokens.asked
    assert (method, path) == ("GET", "/token?service=the+service&scope=repository%3Ateam%2Ftool%3Apull")
    assert headers.get("authorization") == account.header


def test_a_redirect_is_followed_without_the_account(servers: Callable[[], Server]) -> None:
    server, other = servers(), servers()
    server.manifest((307, {"Location": f"http://{other.host}/v2/team/tool/manifests/1"}, b""))
    other.manifest(found())
    assert find_digest(server.name(), SOMEONE) == DIGEST
    assert server.asked[0][2]["authorization"] == BASIC
    assert "authorization" not in other.asked[0][2]


@pytest.mark.parametrize(
    ("status", "account", "told"),
    [
        (404, Account(), "has no image team/tool:1 (HTTP 404)"),
        (401, Account(), "does not show team/tool to anybody without credentials (HTTP 401)"),
        (401, SOMEONE, "does not show team/tool to the user someone (HTTP 401)"),
        (403, SOMEONE, "does not show team/tool to the user someone (HTTP 403)"),
        (429, Account(), "was asked too often (HTTP 429)"),
        (503, Account(), "does not say what it has (HTTP 503)"),
        (204, Account(), "does not say what it has (HTTP 204)"),
    ],
)
def test_each_refusal_of_a_registry_is_one_sentence(server: Server, status: int, account: Account, told: str) -> None:
    server.manifest((status, {}, b""))
    assert refusal(lambda: find_digest(server.name(), account)) == f"the registry {server.host} {told}"


def test_a_refused_token_is_a_refusal_of_the_registry(server: Server) -> None:
    challenge = f'Bearer realm="http://{server.host}/token",service="s"'
    server.manifest((401, {"WWW-Authenticate": challenge}, b""))
    server.answers["/token"] = lambda _: (401, {}, b"")
    assert "does not show team/tool to the user someone (HTTP 401)" in refusal(
        lambda: find_digest(server.name(), SOMEONE)
    )
    for odd in (b"", b"[]", b'{"token": 1}', b'{"token": "a\\nb: c"}'):
        server.answers["/token"] = lambda _, odd=odd: (200, {}, odd)
        assert "gives no token" in refusal(lambda: find_digest(server.name(), SOMEONE))


def test_what_is_no_digest_or_no_manifest_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.manifest((200, {"Docker-Content-Digest": "sha256:short"}, b""))
    assert "by no digest" in refusal(lambda: find_digest(server.name(), Account()))
    monkeypatch.setattr(registry, "MAX_BODY", 10)
    server.manifest((200, {}, b"more than ten bytes"))
    assert "more than 10 bytes" in refusal(lambda: find_digest(server.name(), Account()))


def test_nobody_there_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"localhost:{free_port()}"
    said = refusal(lambda: find_digest(Name(nobody, "a", "1"), Account()))
    assert said.startswith(f"the registry {nobody} does not answer: ")
    assert "refused" in said
    monkeypatch.setattr(registry, "REQUEST_SECONDS", 0.2)
    server.manifest(lambda _: time.sleep(1) or found())
    assert "does not answer: timed out" in refusal(lambda: find_digest(server.name(), Account()))


def test_nothing_is_asked_in_clear_but_this_machine(servers: Callable[[], Server]) -> None:
    server = servers()
    elsewhere = "http://registry.example.com"
    refused = f"{elsewhere} is not asked: "
    server.manifest((307, {"Location": f"{elsewhere}/v2/team/tool/manifests/1"}, b""))
    assert refused in refusal(lambda: find_digest(server.name(), SOMEONE))
    server.manifest((401, {"WWW-Authenticate": f'Bearer realm="{elsewhere}/token"'}, b""))
    assert refused in refusal(lambda: find_digest(server.name(), SOMEONE))
    server.manifest((401, {"WWW-Authenticate": "Bearer"}, b""))
    assert "is not asked" in refusal(lambda: find_digest(server.name(), SOMEONE))
    assert "http://registry.example.com would send credentials in clear" in refusal(
        lambda: read_accounts([{"address": elsewhere, "username": "a", "password": "b"}], {}, Path("/nowhere"))
    )


# Accounts.


def written(**accounts: Any) -> str:
    return json.dumps({"auths": accounts})


AUTH = {"auth": base64.b64encode(b"someone:something").decode()}
HOST = "registry.example.com"


@pytest.mark.parametrize(
    "entry",
    [
        {"username": "someone", "password": "something"},
        {"configFileContent": written(**{HOST: AUTH})},
        {"configFileContent": written(**{f"https://{HOST}/v2/": {"username": "someone", "password": "something"}})},
    ],
)
def test_an_account_comes_from_the_entry(entry: Mapping[str, str]) -> None:
    assert read_accounts([{"address": f"https://{HOST}", **entry}], {}, Path("/nowhere")) == {HOST: SOMEONE}


def test_an_entry_without_an_account_means_the_users_own_file(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(written(**{HOST: AUTH, "https://index.docker.io/v1/": AUTH}))
    entries = [{"address": HOST}, {"address": HUB}, {"address": "open.example.com"}]
    expected = {HOST: SOMEONE, HUB: SOMEONE, "open.example.com": Account()}
    assert read_accounts(entries, {}, tmp_path) == expected
    for named in (tmp_path / ".docker", tmp_path / ".docker/config.json"):
        assert read_accounts(entries, {"DOCKER_CONFIG": str(named)}, Path("/nowhere")) == expected
        assert own_file({"DOCKER_CONFIG": str(named)}, tmp_path) == tmp_path / ".docker/config.json"
    assert read_accounts([{"address": HOST, "authDisabled": True}], {}, tmp_path) == {HOST: Account()}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"auths": {HOST: {}}, "credsStore": "desktop"}, "are kept by docker-credential-desktop"),
        ({"auths": {}, "credHelpers": {HOST: "ecr-login"}}, "are kept by docker-credential-ecr-login"),
        ([], "is no configuration of Docker"),
        ({"auths": {HOST: {"auth": "?"}}}, "is no configuration of Docker"),
    ],
)
def test_what_only_another_program_can_tell_is_refused(content: Any, told: str) -> None:
    entry = {"address": HOST, "configFileContent": json.dumps(content)}
    assert told in refusal(lambda: read_accounts([entry], {}, Path("/nowhere")))


def test_a_helper_that_has_nothing_of_this_registry_is_not_missed() -> None:
    content = json.dumps({"auths": {"other.example.com": {}}, "credsStore": "desktop"})
    entry = {"address": HOST, "configFileContent": content}
    assert read_accounts([entry], {}, Path("/nowhere")) == {HOST: Account()}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    entry = {"address": HOST, "configFile": str(tmp_path / "none.json")}
    assert f"{tmp_path}/none.json cannot be read" in refusal(lambda: read_accounts([entry], {}, tmp_path))
    assert "an entry has no address" in refusal(lambda: read_accounts([{}], {}, tmp_path))


# The provider.


class Aborted(Exception):
    """The call ended with an error of the protocol."""


class Context:
    """As much of a call as the provider uses."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(f"{code.name}: {details}")


CONTEXT: Any = Context()


def invoke(provider: Docker, token: str = REGISTRY_IMAGE, **arguments: Any) -> provider_pb2.InvokeResponse:
    return provider.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)), CONTEXT)


def test_the_answer_is_what_the_sdk_reads(server: Server) -> None:
    server.manifest(found())
    name = f"{server.host}/team/tool:1"
    answer = decode(getattr(invoke(Docker(), name=name), "return"))
    assert answer == {"id": DIGEST, "insecureSkipVerify": False, "name": name, "sha256Digest": DIGEST}
    read = set(inspect.signature(GetRegistryImageResult.__init__).parameters) - {"__self__"}
    assert {"".join(f"_{c.lower()}" if c.isupper() else c for c in key) for key in answer} == read


def test_an_account_of_the_configuration_is_used(server: Server) -> None:
    server.manifest(lambda headers: found() if headers.get("authorization") == BASIC else (401, {}, b""))
    provider, name = Docker(), f"{server.host}/team/tool:1"
    with pytest.raises(Aborted, match=r"FAILED_PRECONDITION: the registry .* without credentials"):
        invoke(provider, name=name)
    accounts = json.dumps([{"address": server.host, "username": "someone", "password": "something"}])
    provider.Configure(provider_pb2.ConfigureRequest(args=encode({"registryAuth": accounts})), CONTEXT)
    assert decode(getattr(invoke(provider, name=name), "return"))["sha256Digest"] == DIGEST


def test_a_wrong_argument_is_refused_by_name() -> None:
    answer = invoke(Docker(), insecureSkipVerify=True, tag="1")
    assert {each.property for each in answer.failures} == {"name", "insecureSkipVerify", "tag"}


def test_a_registry_that_nobody_runs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Name] = []

    def nobody(name: Name, account: Account) -> str:
        asked.append(name)
        raise NoAnswer(f"the registry {name.registry} does not answer")

    monkeypatch.setattr(docker, "find_digest", nobody)
    provider = Docker()
    for reference in ("one.example.com/a:1", "one.example.com/b:1", "two.example.com/a:1"):
        with pytest.raises(Aborted, match=f"the registry {reference.partition('/')[0]} does not answer"):
            invoke(provider, name=reference)
    assert [name.registry for name in asked] == ["one.example.com", "two.example.com"]


def test_a_registry_that_answers_drop_by_drop_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "LOOKUP_SECONDS", 0.2)
    server.manifest(lambda _: time.sleep(1) or found())
    provider = Docker()
    for version in ("1", "2"):
        with pytest.raises(Aborted, match=r"does not answer within 0\.2 s"):
            invoke(provider, name=f"{server.host}/team/tool:{version}")
    assert len(server.asked) == 1, "it is not waited for again"


def test_everything_else_of_the_plugin_is_refused_by_name() -> None:
    provider, urn = Docker(), "urn:pulumi:s::p::docker:index/container:Container::it"
    with pytest.raises(Aborted, match=r"getNetwork is not supported by the stand-in docker provider"):
        invoke(provider, "docker:index/getNetwork:getNetwork", name="x")
    for refused in (
        lambda: provider.Check(provider_pb2.CheckRequest(urn=urn), CONTEXT),
        lambda: provider.Read(provider_pb2.ReadRequest(urn=urn), CONTEXT),
    ):
        with pytest.raises(Aborted, match=r"docker:index/container:Container is not supported"):
            refused()
    with pytest.raises(Aborted, match=r"terraformConfig is not supported"):
        provider.Call(provider_pb2.CallRequest(tok="pulumi:providers:docker/terraformConfig"), CONTEXT)


@pytest.mark.parametrize(("new", "changed"), [({"a": "1"}, []), ({"a": "2", "b": "1"}, ["a", "b"])])
def test_other_credentials_update_the_provider(new: dict[str, str], changed: list[str]) -> None:
    request = provider_pb2.DiffRequest(old_inputs=encode({"a": "1"}), news=encode(new))
    assert list(Docker().DiffConfig(request, CONTEXT).diffs) == changed
