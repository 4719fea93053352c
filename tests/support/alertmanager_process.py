"""Alertmanager's configuration on the real Alertmanager, with people behind it who remember what they were told.

What differs from what ships: folders, addresses, PagerDuty's address, and time, which a test may let go faster.
"""

import json
import re
import secrets
import threading
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from catalog.alertmanager_config import SECRETS
from settings.secret_table import ALERT_FILES
from tests.support.http_json import request
from tests.support.tool_process import ToolProcess, tool

UNITS = {"s": 1 / 60, "m": 1, "h": 60, "d": 24 * 60}


class WebhookReceiver:
    """Takes what Alertmanager sends, by the secret that it was sent with: a URL's last part, or PagerDuty's key."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.received: dict[str, list[dict[str, Any]]] = {name: [] for name in ALERT_FILES}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = self.path.rpartition("/")[2]
                receiver.received["pagerduty-key" if name == "enqueue" else name].append(message)
                self.send_response(202 if name == "enqueue" else 200)
                self.end_headers()
                self.wfile.write(b'{"status": "success"}' if name == "enqueue" else b"ok")

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{address}:{self.server.server_port}"

    def about(self, name: str, word: str) -> list[dict[str, Any]]:
        """What came by that secret and contains ``word``."""
        return [message for message in list(self.received[name]) if word in json.dumps(message)]


class Alertmanager(ToolProcess):
    """One Alertmanager and the people behind it, at an address of its own. ``key`` is PagerDuty's.

    ``text`` is the configuration, ``configured`` are the secret files that it has, and a minute in it lasts ``minute`` seconds.
    """

    ready_within = ends_within = 20

    def __init__(
        self,
        folder: Path,
        receiver: WebhookReceiver,
        address: str,
        text: str,
        configured: Collection[str],
        *,
        minute: float,
        arguments: Sequence[str],
    ) -> None:
        self.receiver, self.address, self.key = receiver, address, secrets.token_hex(16)
        self.url = f"http://{address}:9093"
        (folder / "secrets").mkdir(parents=True)
        for name in configured:
            (folder / "secrets" / name).write_text(self.key if name == "pagerduty-key" else f"{receiver.url}/{name}")
        config = yaml.safe_load(text.replace(str(SECRETS), str(folder / "secrets")))
        config["global"]["pagerduty_url"] = f"{receiver.url}/v2/enqueue"
        _quicker_routes(config["route"], minute)
        (folder / "alertmanager.yaml").write_text(yaml.safe_dump(config))
        command = [
            tool("alertmanager"),
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={address}:9093",
            *arguments,
        ]
        super().__init__(command, f"{self.url}/-/ready", folder / "log", {})

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
                # In a second: Alertmanager waits for no others once an alert is older than the group's wait, which is short here.
                "startsAt": (now - timedelta(seconds=2) if ended else now + timedelta(seconds=1)).isoformat(),
                "endsAt": (now - timedelta(seconds=1) if ended else now + timedelta(minutes=5)).isoformat(),
            }
            for labels in alerts
        ]
        assert request(f"{self.url}/api/v2/alerts", body=body, timeout=5).status == 200


def quicker(duration: str, minute: float) -> str:
    """A duration in which a minute lasts ``minute`` seconds; zero stays zero."""
    minutes = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))
    return f"{max(round(minutes * minute * 1000), 1)}ms" if minutes else "0s"


def _quicker_routes(route: dict[str, Any], minute: float) -> None:
    for key in ("group_wait", "group_interval", "repeat_interval"):
        if key in route:
            route[key] = quicker(route[key], minute)
    for below in route.get("routes", []):
        _quicker_routes(below, minute)


def labels(alertname: str, severity: str, environment: str = "prod", **more: str) -> dict[str, str]:
    """Labels of an alert about a service that no other test names."""
    return {
        "alertname": alertname,
        "severity": severity,
        "environment": environment,
        "cluster": "test",
        "service": f"service-{secrets.token_hex(4)}",
    } | more
