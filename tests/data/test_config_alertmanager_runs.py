"""Alertmanager's configuration on the real Alertmanager: who is told, once, grouped, and of the end; who is not.

What differs from what ships: the secrets' folder, PagerDuty's address, and time: a minute lasts half a second.
"""

import json
import re
import secrets
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from collector_process import loopback, tool, wait_until

from components.alertmanager_config import SECRETS, pruned
from components.secrets import ALERT_FILES

TEXT = (Path(__file__).parents[2] / "config/alertmanager/alertmanager.yaml").read_text()
UNITS = {"s": 1 / 60, "m": 1, "h": 60, "d": 24 * 60}
MINUTE = 0.5


class People:
    """Takes what Alertmanager sends, by the secret that it was sent with: a URL's last part, or PagerDuty's key."""

    def __init__(self) -> None:
        self.told: dict[str, list[dict[str, Any]]] = {name: [] for name in ALERT_FILES}
        people = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = self.path.rpartition("/")[2]
                people.told["pagerduty-key" if name == "enqueue" else name].append(message)
                self.send_response(202 if name == "enqueue" else 200)
                self.end_headers()
                self.wfile.write(b'{"status": "success"}' if name == "enqueue" else b"ok")

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def about(self, name: str, word: str) -> list[dict[str, Any]]:
        """What came by that secret and contains ``word``."""
        return [message for message in list(self.told[name]) if word in json.dumps(message)]


class Running:
    """A running Alertmanager and the people behind it. ``key`` is PagerDuty's."""

    def __init__(self, url: str, people: People, key: str) -> None:
        self.url, self.people, self.key = url, people, key

    def fire(self, *alerts: dict[str, str], ended: bool = False) -> None:
        """Alerts by their labels, as Prometheus sends them; each has the annotations that rules must give."""
        now = datetime.now(UTC)
        body = [
            {
                "labels": labels,
                "annotations": {
                    "summary": f"summary of {labels.get('service')}",
                    "description": f"description of {labels.get('service')}",
                    "detail": "and its detail.",
                    "runbook_url": f"runbooks/{labels['alertname']}.md",
                },
                # Just now: Alertmanager waits for no others once an alert is older than the group's wait.
                "startsAt": (now - timedelta(seconds=2) if ended else now).isoformat(),
                "endsAt": (now - timedelta(seconds=1) if ended else now + timedelta(minutes=5)).isoformat(),
            }
            for labels in alerts
        ]
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200


def quicker(duration: str) -> str:
    """A duration in which a minute lasts half a second; zero stays zero."""
    minutes = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))
    return f"{max(round(minutes * MINUTE * 1000), 1)}ms" if minutes else "0s"


def _quicker_routes(route: dict[str, Any]) -> None:
    for key in ("group_wait", "group_interval", "repeat_interval"):
        if key in route:
            route[key] = quicker(route[key])
    for below in route.get("routes", []):
        _quicker_routes(below)


@contextmanager
def alertmanager(folder: Path, given: Collection[str]) -> Iterator[Running]:
    people, key, address = People(), secrets.token_hex(16), loopback()
    (folder / "secrets").mkdir(parents=True)
    for name in given:
        (folder / "secrets" / name).write_text(key if name == "pagerduty-key" else f"{people.url}/{name}")
    config = yaml.safe_load(pruned(TEXT, given).replace(str(SECRETS), str(folder / "secrets")))
    config["global"]["pagerduty_url"] = f"{people.url}/v2/enqueue"
    _quicker_routes(config["route"])
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(config))
    command = [
        tool("alertmanager"),
        f"--config.file={folder / 'alertmanager.yaml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}:9093",
        "--web.external-url=https://grafana.example.com/alerting",
        "--web.route-prefix=/",
        "--cluster.listen-address=",
        "--log.format=json",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://{address}:9093"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    try:
        wait_until(ready, 20, f"Alertmanager; its log is {folder / 'log'}")
        yield Running(url, people, key)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), tuple(ALERT_FILES)) as running:
        yield running


def labels(alertname: str, severity: str, environment: str = "prod", **more: str) -> dict[str, str]:
    """Labels of an alert about a service that no other test names."""
    return {
        "alertname": alertname,
        "severity": severity,
        "environment": environment,
        "cluster": "test",
        "service": f"service-{secrets.token_hex(4)}",
    } | more


CHAT = ("slack-url", "teams-url", "webhook-url")


def _settled(running: Running, word: str, *names: str) -> None:
    """Wait until all of ``names`` have heard of ``word``, and a moment for those that must not."""
    wait_until(lambda: all(running.people.about(name, word) for name in names), 15, f"{word} at {', '.join(names)}")
    time.sleep(1)


def test_a_critical_alert_of_production_reaches_everybody_with_what_they_need(everything: Running) -> None:
    alert = labels("HighErrorRate", "critical")
    everything.fire(alert)
    _settled(everything, alert["service"], "pagerduty-key", *CHAT)
    (page,) = everything.people.about("pagerduty-key", alert["service"])
    assert (page["routing_key"], page["event_action"], page["payload"]["severity"]) == (
        everything.key,
        "trigger",
        "critical",
    )
    assert page["payload"]["summary"] == f"[CRITICAL] prod: HighErrorRate of {alert['service']}"
    for name in ("pagerduty-key", "slack-url", "teams-url"):
        (message,) = everything.people.about(name, alert["service"])
        text = json.dumps(message)
        for word in (
            f"summary of {alert['service']}",
            f"description of {alert['service']} and its detail.",
            "environment: prod, cluster: test, runbook: runbooks/HighErrorRate.md",
            "[CRITICAL] prod: HighErrorRate",
        ):
            assert word in text, name
    (hook,) = everything.people.about("webhook-url", alert["service"])
    assert (hook["status"], hook["receiver"], hook["externalURL"]) == (
        "firing",
        "page",
        "https://grafana.example.com/alerting",
    )
    assert everything.people.about("deadman-url", alert["service"]) == []


@pytest.mark.parametrize("environment", ["dev", "local", "staging"])
def test_a_critical_alert_of_another_environment_wakes_nobody(everything: Running, environment: str) -> None:
    alert = labels("HighErrorRate", "critical", environment)
    everything.fire(alert)
    _settled(everything, alert["service"], *CHAT)
    assert everything.people.about("pagerduty-key", alert["service"]) == []
    (message,) = everything.people.about("slack-url", alert["service"])
    assert f"[CRITICAL] {environment}: HighErrorRate" in json.dumps(message)


def test_everybody_hears_when_it_is_over(everything: Running) -> None:
    alert = labels("HighErrorRate", "critical")
    everything.fire(alert)
    _settled(everything, alert["service"], "pagerduty-key", *CHAT)
    everything.fire(alert, ended=True)
    wait_until(lambda: len(everything.people.about("webhook-url", alert["service"])) == 2, 15, "the end")
    time.sleep(0.5)
    assert [hook["status"] for hook in everything.people.about("webhook-url", alert["service"])] == [
        "firing",
        "resolved",
    ]
    trigger = everything.people.about("pagerduty-key", alert["service"])[0]

    def pages() -> list[str]:
        return [
            page["event_action"]
            for page in list(everything.people.told["pagerduty-key"])
            if page["dedup_key"] == trigger["dedup_key"]
        ]

    wait_until(lambda: pages() == ["trigger", "resolve"], 10, "the pager's all-clear")
    last = everything.people.about("slack-url", alert["service"])[-1]
    assert f"[RESOLVED] prod: HighErrorRate of {alert['service']}" in json.dumps(last)


def test_alerts_of_one_service_and_name_are_one_message(everything: Running) -> None:
    alert = labels("PodCrashLooping", "warning")
    other = labels("PodCrashLooping", "warning")
    everything.fire(*(alert | {"pod": f"pod-{number}"} for number in range(12)), other)
    _settled(everything, alert["service"], *CHAT)
    (hook,) = everything.people.about("webhook-url", alert["service"])
    assert len(hook["alerts"]) == 12
    (message,) = everything.people.about("slack-url", alert["service"])
    assert json.dumps(message).count(f"summary of {alert['service']}") == 10
    assert "and more: 12 altogether" in json.dumps(message)
    assert len(everything.people.about("webhook-url", other["service"])) == 1


def test_the_same_in_two_environments_is_two_messages(everything: Running) -> None:
    alert = labels("HighLatency", "warning")
    everything.fire(alert, alert | {"environment": "dev"})
    wait_until(lambda: len(everything.people.about("webhook-url", alert["service"])) == 2, 15, "two messages")
    assert {
        hook["groupLabels"]["environment"] for hook in everything.people.about("webhook-url", alert["service"])
    } == {
        "prod",
        "dev",
    }


def test_a_warning_is_told_but_wakes_nobody(everything: Running) -> None:
    alert = labels("HighLatency", "warning")
    everything.fire(alert)
    _settled(everything, alert["service"], *CHAT)
    assert everything.people.about("pagerduty-key", alert["service"]) == []


def test_a_remark_is_told_once_and_wakes_nobody(everything: Running) -> None:
    alert = labels("Remark", "info")
    everything.fire(alert)
    _settled(everything, alert["service"], *CHAT)
    assert [len(everything.people.about(name, alert["service"])) for name in CHAT] == [1, 1, 1]
    assert everything.people.about("pagerduty-key", alert["service"]) == []


def test_what_follows_from_a_louder_alert_is_silent(everything: Running) -> None:
    loud = labels("TelemetryComponentAbsent", "critical")
    same, elsewhere = {"service": loud["service"]}, labels("TargetDown", "warning")
    follows = [labels(name, "warning", **same) for name in ("TargetDown", "AlertInputVanished", "ProbeFailing")]
    stays = labels("PodPending", "warning", **same)
    everything.fire(loud, *follows, stays, elsewhere)
    _settled(everything, elsewhere["service"], *CHAT)
    time.sleep(1)
    told = {hook["groupLabels"]["alertname"] for hook in everything.people.about("webhook-url", loud["service"])}
    assert told == {"TelemetryComponentAbsent", "PodPending"}


def test_the_cause_of_another_environment_silences_nothing(everything: Running) -> None:
    loud = labels("TelemetryComponentAbsent", "critical", "dev")
    quiet = labels("TargetDown", "warning", "prod", service=loud["service"])
    everything.fire(loud, quiet)
    wait_until(lambda: len(everything.people.about("webhook-url", loud["service"])) == 2, 15, "both")


def test_critical_silences_the_warning_of_the_same_name(everything: Running) -> None:
    loud = labels("KillSwitchForgotten", "critical")
    everything.fire(loud, loud | {"severity": "warning"})
    _settled(everything, loud["service"], "pagerduty-key", *CHAT)
    for hook in everything.people.about("webhook-url", loud["service"]):
        assert {alert["labels"]["severity"] for alert in hook["alerts"]} == {"critical"}


def test_the_watchdog_is_heard_again_and_again_by_the_switch_alone(everything: Running) -> None:
    watchdog = {"alertname": "Watchdog", "severity": "none", "environment": "prod", "cluster": "test"}
    everything.fire(watchdog)
    wait_until(lambda: len(everything.people.told["deadman-url"]) >= 4, 15, "four heartbeats")
    for name in (*CHAT, "pagerduty-key"):
        assert everything.people.about(name, "Watchdog") == []
    assert {beat["status"] for beat in everything.people.told["deadman-url"]} == {"firing"}


def test_what_is_not_given_is_not_missed(tmp_path: Path) -> None:
    with alertmanager(tmp_path, ("webhook-url",)) as running:
        alert = labels("HighErrorRate", "critical")
        running.fire(alert, {"alertname": "Watchdog", "severity": "none", "environment": "prod"})
        _settled(running, alert["service"], "webhook-url")
    assert [name for name, told in running.people.told.items() if told] == ["webhook-url"]
    errors = [line for line in (tmp_path / "log").read_text().splitlines() if '"level":"ERROR"' in line]
    assert errors == []
