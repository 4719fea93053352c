"""A browser signs in to ops-ui over TLS; another site tries to act in the user's name."""

import contextlib
import email.utils
import functools
import html
import http.client
import http.server
import json
import os
import secrets
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.services import service_builds
from tests.services.platform_under_test import Data, Platform, platform
from tests.services.tls_front import terminated
from tests.support.addresses import free_port
from tests.support.certificates import Authority
from tests.support.http_json import request
from tests.support.machine import require_program
from tests.support.waiting import wait_until

HOST, EVIL = "ops.atlas.test", "evil.test"
SESSION, CSRF = "__Secure-next-auth.session-token", "__Host-next-auth.csrf-token"
SESSION_SECONDS = 1800


@dataclass
class Console:
    """ops-ui behind TLS, with the only user who may sign in."""

    platform: Platform
    authority: Authority
    url: str
    port: int
    user: str
    password: str
    secret: str
    """By which sessions are encrypted."""

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, list[str], str]:
        """Status, every Set-Cookie and the text, over TLS that is verified."""
        trust = ssl.create_default_context(cadata=self.authority.pem)
        with contextlib.closing(_Connection(HOST, self.port, context=trust, timeout=20)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers.get_all("set-cookie") or [], answer.read().decode()


class _Connection(http.client.HTTPSConnection):
    """To loopback, whatever the host is called."""

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        context: ssl.SSLContext = vars(self)["_context"]
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


@pytest.fixture(scope="module")
def console(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder, authority = tmp_path_factory.mktemp("console"), Authority.create()
    user, password, port = "operator", secrets.token_urlsafe(16), free_port()
    secret = secrets.token_urlsafe(32)
    url = f"https://{HOST}:{port}"
    with platform(data, "redis", folder) as running:
        running.workers()
        running.api()
        running.ops_ui(
            url,
            NEXTAUTH_SECRET=secret,
            OPS_UI_USER=user,
            OPS_UI_PASSWORD_HASH=bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode(),
            SESSION_MAX_AGE=str(SESSION_SECONDS),
        )
        with terminated(authority.server(HOST, folder), port, running.ports["ops-ui"]):
            yield Console(running, authority, url, port, user, password, secret)


@pytest.fixture(scope="module")
def seen(console: Console, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What headless Chromium saw on its visit."""
    folder, port = tmp_path_factory.mktemp("evil"), free_port()
    browser = service_builds.modules(Path(__file__).parent / "browser")
    given = {
        "chromium": require_program("chromium", "chromium"),
        "url": console.url,
        "evil": f"https://{EVIL}:{port}",
        "authorities": [console.authority.pin],
        "user": console.user,
        "password": console.password,
    }
    with (
        _another_site(console, folder) as plain,
        terminated(console.authority.server(EVIL, folder), port, plain),
    ):
        ran = subprocess.run(
            ["node", "visit.mjs"],
            cwd=browser,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, f"{ran.stderr[-3000:]}\n{console.platform.processes['ops-ui'].text()[-3000:]}"
    return json.loads(ran.stdout)


@contextlib.contextmanager
def _another_site(console: Console, folder: Path) -> Iterator[int]:
    """A site whose pages send a form to ops-ui by themselves; its port."""
    order = '{"product": "BTC-USD", "side": "buy", "size": 0.001, "x": "'
    forms = {
        "order": ("/api/orders", "text/plain", {order: '"}'}),
        "sign-out": ("/api/auth/signout", "application/x-www-form-urlencoded", {"json": "true"}),
        "sign-in": (
            "/api/auth/callback/credentials",
            "application/x-www-form-urlencoded",
            {"username": console.user, "password": console.password},
        ),
    }
    for name, (path, kind, fields) in forms.items():
        inputs = "".join(
            f'<input name="{html.escape(field)}" value="{html.escape(value)}">' for field, value in fields.items()
        )
        (folder / name).mkdir()
        (folder / name / "index.html").write_text(
            f"<form method=post enctype='{kind}' action='{console.url}{path}'>{inputs}</form>"
            "<script>document.forms[0].submit()</script>"
        )
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_user_signs_in_with_the_password_alone(seen: dict[str, Any], console: Console) -> None:
    assert seen["refused"]
    assert seen["user"] == console.user


def test_the_cookies_have_the_guides_flags(seen: dict[str, Any]) -> None:
    cookies = {cookie["name"]: cookie for cookie in seen["cookies"]}

    assert set(cookies) == {SESSION, CSRF, "__Secure-next-auth.callback-url"}
    assert all(cookie["httpOnly"] and cookie["secure"] for cookie in cookies.values())
    assert cookies[SESSION]["sameSite"] == "Strict"
    assert {cookie["sameSite"] for cookie in cookies.values()} <= {"Strict", "Lax"}
    assert (cookies[CSRF]["path"], cookies[CSRF]["domain"]) == ("/", HOST)
    assert seen["scriptSees"] == ""


def test_a_session_ends_when_the_settings_say(console: Console) -> None:
    _, cookies = _signed_in(console)
    session = next(cookie for cookie in cookies if cookie.startswith(SESSION))
    expires = session.split("Expires=")[1].split(";")[0]
    left = email.utils.parsedate_to_datetime(expires).timestamp() - time.time()
    assert left == pytest.approx(SESSION_SECONDS, abs=30)


def test_an_order_that_is_placed_on_the_page_is_filled(seen: dict[str, Any]) -> None:
    assert seen["orders"] == ["buy 0.001 BTC-USD: filled"]


def test_another_site_sends_no_session_along_and_its_order_is_refused(seen: dict[str, Any], console: Console) -> None:
    assert seen["forgedOrder"]["status"] == 403
    assert seen["forgedOrder"]["origin"].startswith(f"https://{EVIL}")
    assert SESSION not in seen["forgedOrder"]["sent"]
    assert seen["ordersAfter"] == 1


def test_another_site_can_sign_nobody_out_or_in(seen: dict[str, Any]) -> None:
    assert seen["forgedSignOut"]["session"]
    assert not seen["forgedSignIn"]["session"]


def test_signing_out_takes_the_session_away(seen: dict[str, Any]) -> None:
    assert SESSION not in seen["cookiesAfter"]


def _signed_in(console: Console, password: str | None = None, **headers: str) -> tuple[str, list[str]]:
    """The Cookie header of a user who has tried to sign in without a browser, and what was set last."""
    _, given, text = console.ask("GET", "/api/auth/csrf")
    jar = [cookie.split(";")[0] for cookie in given]
    token = json.loads(text)["csrfToken"]
    body = f"csrfToken={token}&username={console.user}&password={password or console.password}&json=true"
    form = {"content_type": "application/x-www-form-urlencoded", "cookie": "; ".join(jar)}
    _, given, _ = console.ask("POST", "/api/auth/callback/credentials", body, **form, **headers)
    return "; ".join([*jar, *(cookie.split(";")[0] for cookie in given)]), given


def test_a_session_that_is_sent_along_does_not_help_another_site(console: Console) -> None:
    """A browser that knows no SameSite: the session comes along, and the origin gives the request away."""
    cookie, _ = _signed_in(console)
    order = json.dumps({"product": "BTC-USD", "side": "buy", "size": 0.001})
    sent = {"cookie": cookie, "content_type": "application/json"}

    foreign = console.ask("POST", "/api/orders", order, origin=f"https://{EVIL}", **sent)
    unnamed = console.ask("POST", "/api/orders", order, **sent)
    own = console.ask("POST", "/api/orders", order, origin=console.url, **sent)

    assert (foreign[0], unnamed[0], own[0]) == (403, 403, 202)


def test_without_a_session_nothing_is_shown_but_the_page(console: Console) -> None:
    assert console.ask("GET", "/")[0] == 200
    for path in ("/api/orders", "/api/status"):
        status, _, text = console.ask("GET", path)
        assert (status, json.loads(text)["error"]) == (401, "sign in first")


def test_a_wrong_password_gives_no_session(console: Console) -> None:
    cookie, _ = _signed_in(console, "not-it")

    assert SESSION not in cookie
    assert console.ask("GET", "/api/status", cookie=cookie)[0] == 401


def test_ten_wrong_passwords_lock_out_their_address_and_nobody_else(console: Console) -> None:
    """The last entry is the proxy's word; what stands before it, the client may have made up."""
    for attempt in range(10):
        made_up = f"203.0.113.{attempt}"
        assert SESSION not in _signed_in(console, "not-it", x_forwarded_for=f"{made_up}, 198.51.100.7")[0]

    assert SESSION not in _signed_in(console, x_forwarded_for="203.0.113.99, 198.51.100.7")[0]
    assert SESSION in _signed_in(console, x_forwarded_for="198.51.100.7, 198.51.100.8")[0]


def test_addresses_of_one_ipv6_network_are_one(console: Console) -> None:
    for attempt in range(10):
        address = f"2001:db8::{attempt:x}:1" if attempt % 2 else f"2001:0db8:0000:0000::{attempt:x}"
        assert SESSION not in _signed_in(console, "not-it", x_forwarded_for=address)[0]

    assert SESSION not in _signed_in(console, x_forwarded_for="2001:db8:0:0:ffff::1")[0]
    assert SESSION in _signed_in(console, x_forwarded_for="2001:db8:0:1::1")[0]


def test_using_a_session_does_not_put_off_its_end(console: Console) -> None:
    cookie, cookies = _signed_in(console)
    first = _ends(console, cookies)
    began = time.time()
    wait_until(lambda: time.time() > began + 2, 10, "a later second")
    _, renewed, _ = console.ask("GET", "/api/auth/session", cookie=cookie)

    assert any(each.startswith(SESSION) for each in renewed), "NextAuth writes it anew"
    assert _ends(console, renewed) == first
    assert first == pytest.approx(began + SESSION_SECONDS, abs=30)


def _ends(console: Console, cookies: list[str]) -> int:
    """When the session in these cookies ends, in seconds since 1970."""
    session = next(each for each in cookies if each.startswith(SESSION)).split(";")[0].partition("=")[2]
    script = (
        "const {token, secret} = JSON.parse(require('node:fs').readFileSync(0));"
        "require('next-auth/jwt').decode({token, secret}).then(({exp}) => console.log(exp))"
    )
    ran = subprocess.run(
        ["node", "--eval", script],
        cwd=service_builds.node("ops-ui"),
        input=json.dumps({"token": session, "secret": console.secret}),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"NEXTAUTH_URL": "http://ops.example.com"}, "NEXTAUTH_URL"),
        ({"NEXTAUTH_SECRET": "short"}, "NEXTAUTH_SECRET"),
        ({"OPS_UI_PASSWORD_HASH": ""}, "OPS_UI_PASSWORD_HASH"),
        ({"OPS_UI_USER": ""}, "OPS_UI_USER"),
    ],
)
def test_nobody_signs_in_with_a_wrong_environment_and_the_page_still_stands(
    console: Console, tmp_path: Path, wrong: dict[str, str], named: str
) -> None:
    given = {
        "NEXTAUTH_SECRET": secrets.token_urlsafe(32),
        "OPS_UI_USER": "operator",
        "OPS_UI_PASSWORD_HASH": bcrypt.hashpw(b"x", bcrypt.gensalt(10)).decode(),
    }
    url = wrong.get("NEXTAUTH_URL", "https://ops.example.com")
    other = Platform(console.platform.data, "redis", tmp_path, ports={"api": 9, "workers": 9})
    try:
        process = other.ops_ui(url, extra=None, **(given | wrong | {"NEXTAUTH_URL": url}))

        assert request(other.url("ops-ui", "/")).status == 200
        answer = request(other.url("ops-ui", "/api/auth/csrf"))
        assert (answer.status, named in answer.json["error"]) == (503, True)
        assert [named in line["message"] for line in process.lines() if line.get("level") == "error"] == [True]
    finally:
        other.stop()
