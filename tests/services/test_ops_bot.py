"""The bot hears the kill switch and losses on either bus, and posts them to whoever is configured."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.services import service_builds
from tests.services.platform_under_test import Data, Platform, platform
from tests.support.addresses import free_port
from tests.support.http_json import request
from tests.support.process import Process
from tests.support.waiting import wait_until

Posted = list[tuple[str, dict[str, Any], str | None]]


@contextmanager
def chat() -> Iterator[tuple[str, Posted]]:
    """A server that takes messages as Slack and Teams do: its URL, and (path, body, Authorization) of each."""
    posted: Posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append((self.path, body, self.headers.get("Authorization")))
            answer = b'{"ok": true}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted
        server.shutdown()


def bot(running: Platform, **environment: str) -> Process:
    port = running.ports["ops-bot"] = free_port()
    given = running.environment() | {"HEALTH_PORT": str(port)} | environment
    command = [service_builds.python("ops-bot"), "-m", "ops_bot_async"]
    process = Process(command, given, running.folder / "ops-bot.log", service_builds.SERVICES / "ops-bot")
    running.processes["ops-bot"] = process
    process.ready(lambda: any(line["message"] == "listening" for line in process.lines()), "the bot on the bus")
    return process


def kill(running: Platform, engaged: bool) -> None:
    body = {"engaged": engaged, "reason": "prices are mad"}
    assert running.ask("/api/kill-switch", "POST", body, user="operator").status == 202


@pytest.mark.parametrize("bus", ["redis", "rabbitmq"])
def test_it_posts_the_kill_switch_and_a_loss_once(data: Data, tmp_path: Path, bus: str) -> None:
    token = secrets.token_hex(16)
    with chat() as (url, posted), platform(data, bus, tmp_path) as running:
        running.workers()
        running.api()
        bot(
            running,
            SLACK_BOT_TOKEN=token,
            SLACK_API_URL=f"{url}/slack",
            TEAMS_WEBHOOK_URL=f"{url}/teams",
            ALERT_PNL_THRESHOLD="0",  # a result of 0, with which every day begins, is at it
        )
        kill(running, True)
        kill(running, True)
        kill(running, False)
        wait_until(lambda: sum("released" in body["text"] for _, body, _ in posted) == 2, 10, "both messages")
        before = running.value("workers", "atlas_events_consumed_total", '{topic="pnl_update"}')
        wait_until(
            lambda: running.value("workers", "atlas_events_consumed_total", '{topic="pnl_update"}') > before + 5,
            10,
            "more results",
        )
        assert request(running.url("ops-bot", "/healthz")).json == {"status": "ok", "bus": "connected"}

    texts = [body["text"] for path, body, _ in posted if path == "/slack"]
    assert texts.count("Kill switch engaged by operator: prices are mad") == 1
    assert sum(text.startswith("Daily result") for text in texts) == 1
    assert sorted(texts) == sorted(body["text"] for path, body, _ in posted if path == "/teams")
    assert {sent for path, _, sent in posted if path == "/slack"} == {f"Bearer {token}"}
    assert {sent for path, _, sent in posted if path == "/teams"} == {None}


def test_without_a_place_to_post_to_it_tells_its_log(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as running:
        running.workers()
        running.api()
        process = bot(running)
        kill(running, True)
        alert = wait_until(
            lambda: [line for line in process.lines() if line["message"] == "alert"], 10, "the alert in the log"
        )

    assert (alert[0]["text"], alert[0]["slack"], alert[0]["teams"]) == (
        "Kill switch engaged by operator: prices are mad",
        False,
        False,
    )


def test_a_place_that_is_away_costs_nothing_and_its_url_stays_out_of_the_log(data: Data, tmp_path: Path) -> None:
    secret = secrets.token_hex(16)
    with platform(data, "redis", tmp_path) as running:
        running.workers()
        running.api()
        process = bot(running, TEAMS_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/{secret}")
        kill(running, True)
        wait_until(lambda: any(line["message"] == "alert_not_sent" for line in process.lines()), 10, "the failure")
        kill(running, False)
        wait_until(lambda: sum(line["message"] == "alert" for line in process.lines()) == 2, 10, "the next alert")

    assert secret not in process.text()
