"""How the services start: wrong environments, health checks, tokens, and the stream without a bus."""

import json
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.services import service_builds
from tests.services.platform_under_test import Data, Platform, platform
from tests.support.addresses import free_port
from tests.support.http_json import request
from tests.support.process import Process
from tests.support.waiting import wait_until

BODY = {"product": "BTC-USD", "side": "buy", "size": 0.001}
ENGAGED = {"engaged": True, "reason": "by hand"}


def ended(command: list[str | Path], environment: dict[str, str], folder: Path, log: Path) -> tuple[int, str]:
    process = Process(command, environment, log, folder)
    return process.wait(20), process.text()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"POSTGRES_HOST": ""}, "POSTGRES_HOST"),
        ({"MAX_OPEN_ORDERS": "many"}, "MAX_OPEN_ORDERS='many'"),
        ({"DAILY_MAX_LOSS": "-5"}, "DAILY_MAX_LOSS='-5'"),
        ({"DAILY_MAX_LOSS": "nan"}, "DAILY_MAX_LOSS='nan'"),
        ({"PAPER_TRADING": "false"}, "PAPER_TRADING=true"),
        ({"LIVE_TRADING_DEFAULT": "true"}, "LIVE_TRADING_DEFAULT=false"),
    ],
)
def test_workers_refuse_a_wrong_environment_by_name(
    data: Data, tmp_path: Path, wrong: dict[str, str], named: str
) -> None:
    environment = Platform(data, "redis", tmp_path).environment() | wrong
    command = [service_builds.python("workers"), "-m", "workers.worker_main"]
    code, text = ended(command, environment, service_builds.SERVICES / "workers", tmp_path / "log")

    assert code == 2
    assert [named in json.loads(line)["problem"] for line in text.splitlines()] == [True]


def test_the_api_refuses_a_wrong_environment_and_names_every_variable(tmp_path: Path) -> None:
    environment = {"PORT": "http", "POSTGRES_USER": "atlas"}
    code, text = ended(["node", "dist/index.js"], environment, service_builds.node("api"), tmp_path / "log")

    assert code == 2
    assert all(name in text for name in ("PORT", "POSTGRES_HOST", "POSTGRES_PASSWORD", "POSTGRES_DB"))
    assert "POSTGRES_USER" not in text


def test_the_bot_refuses_a_wrong_environment(tmp_path: Path) -> None:
    command = [service_builds.python("ops-bot"), "-m", "ops_bot_async"]
    code, text = ended(command, {"ALERT_PNL_THRESHOLD": "low"}, service_builds.SERVICES / "ops-bot", tmp_path / "log")

    assert (code, "ALERT_PNL_THRESHOLD='low'" in text) == (2, True)


def test_with_a_token_set_only_who_shows_it_may_order(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path, API_TOKEN="an example") as running:  # noqa: S106 - not one
        running.workers()
        running.api()
        url = running.url("api", "/api/orders")

        assert request(url, "POST", BODY).status == 401
        assert request(url, "POST", BODY, {"authorization": "Bearer another"}).status == 401
        assert request(url, "POST", BODY, {"authorization": "Bearer an example"}).status == 202
        assert running.ask("/api/orders", "POST", BODY).status == 202
        assert request(running.url("api", "/healthz")).status == 200
        assert "API_TOKEN is not set" not in running.processes["api"].text()


def test_the_user_is_taken_from_ops_ui_alone(data: Data, tmp_path: Path) -> None:
    """A client that names a user may order, and in nobody's name."""
    with platform(data, "redis", tmp_path, API_TOKEN="an example") as running:  # noqa: S106 - not one
        running.workers()
        running.api()
        forged = {"authorization": "Bearer an example", "x-user-id": "chief"}
        assert request(running.url("api", "/api/orders"), "POST", BODY, forged).status == 202
        assert request(running.url("api", "/api/kill-switch"), "POST", ENGAGED, forged).status == 202
        assert running.ask("/api/orders", "POST", BODY, user="trader-9").status == 202

        api, workers = (running.processes[each] for each in ("api", "workers"))
        wait_until(
            lambda: all("trader-9" in each.text() for each in (api, workers)), 10, "both lines on the last order"
        )
        assert "chief" not in api.text() + workers.text()


def test_without_a_token_nobody_is_believed(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as running:
        running.workers()
        running.api(OPS_UI_TOKEN="")
        assert request(running.url("api", "/api/orders"), "POST", BODY, {"x-user-id": "chief"}).status == 202
        api = running.processes["api"]
        wait_until(lambda: "order requested" in api.text(), 10, "the api's line")
        text = api.text()
        assert "chief" not in text
        assert "API_TOKEN is not set" in text


def test_without_the_bus_the_stream_reads_the_workers_metrics(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as running:
        running.workers()
        running.api(METRICS_URL=running.url("workers", "/metrics"))
        with urllib.request.urlopen(running.stream(), timeout=10) as stream:
            line = next(line for line in stream if line.startswith(b"data: "))

    found = {(sample["name"], sample.get("product")) for sample in json.loads(line.removeprefix(b"data: "))}
    assert {("atlas_kill_switch", None), ("atlas_daily_pnl", None), ("atlas_exposure", "BTC-USD")} <= found


def test_health_checks_tell_a_service_that_answers_from_one_that_does_not(data: Data, tmp_path: Path) -> None:
    with platform(data, "redis", tmp_path) as running:
        running.workers()
        running.api()
        running.ops_ui("https://ops.example.com")
        bot = [service_builds.python("ops-bot"), "-m", "ops_bot_async"]
        running.ports["ops-bot"] = free_port()
        environment = running.environment() | {"HEALTH_PORT": str(running.ports["ops-bot"])}
        process = Process(bot, environment, tmp_path / "bot.log", service_builds.SERVICES / "ops-bot")
        running.processes["ops-bot"] = process
        process.ready(lambda: "started" in process.text(), "the bot")
        checks = {
            "workers": ([service_builds.python("workers"), "healthcheck.py"], "METRICS_PORT"),
            "ops-bot": ([service_builds.python("ops-bot"), "healthcheck.py"], "HEALTH_PORT"),
            "api": (["node", "healthcheck.js"], "PORT"),
            "ops-ui": (["node", "healthcheck.js"], "PORT"),
        }
        codes = {}
        for name, (command, variable) in checks.items():
            for port in (running.ports[name], free_port()):
                process = Process(
                    command, {variable: str(port)}, tmp_path / f"{name}-{port}", service_builds.SERVICES / name
                )
                codes.setdefault(name, []).append(process.wait(10))

    assert codes == {name: [0, 1] for name in checks}


@pytest.mark.parametrize("service", ["workers", "ops-bot", "backtester", "load"])
def test_python_services_install_by_hashes_alone(service: str) -> None:
    command = [service_builds.python(service), "-m", "pip", "check"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert "://" not in (service_builds.SERVICES / service / "requirements.txt").read_text()


@pytest.mark.parametrize("package", ["api", "ops-ui"])
def test_lock_files_of_npm_name_no_registry_and_a_hash_for_each_package(package: str) -> None:
    lock = json.loads((service_builds.SERVICES / package / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}

    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if not entry.get("integrity")] == []
