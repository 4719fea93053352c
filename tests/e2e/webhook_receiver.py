"""Whoever hears of alerts: a pod outside the platform that keeps each message of Alertmanager and hands it out."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.workload_pods import declare, pod, until

if TYPE_CHECKING:
    from tests.e2e.running_stack import RunningStack

NAME = "webhook-receiver"
PORT = 8080
RECEIVER = f"http://{NAME}.{NAME}.svc:{PORT}"
SCRIPT = (Path(__file__).parent / "webhook_receiver_pod.py").read_text()


@dataclass(frozen=True)
class Message:
    """What Alertmanager posted to ``way`` (``/alerts`` or ``/alive``) at ``at``, Unix seconds."""

    at: float
    way: str
    told: dict[str, Any]

    @property
    def receiver(self) -> str:
        return self.told["receiver"]

    @property
    def group(self) -> dict[str, str]:
        return self.told["groupLabels"]

    def alerts(self, status: str) -> list[dict[str, Any]]:
        """Those of it that are ``firing``, or ``resolved``."""
        return [alert for alert in self.told["alerts"] if alert["status"] == status]


def start_webhook_receiver(stack: "RunningStack") -> None:
    """Start them, and wait until they listen."""
    serving = pod(stack, NAME, NAME, SCRIPT, port=PORT)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAME},
        "spec": {"selector": {"app": NAME}, "ports": [{"port": PORT}]},
    }
    declare(stack, NAME, serving, service)
    until(stack, "condition=Ready", NAME, NAME)
    stack.receiver_since = time.time()


def received(stack: "RunningStack") -> list[Message]:
    """Every message so far, in the order of their arrival."""
    return [Message(**each) for each in json.loads(stack.ask(NAME, "/").text)]
