"""What production asks of its user, and no file may hold: made up anew for each run."""

import secrets
from collections.abc import Mapping

from components.platform_services import SERVICES


def images() -> dict[str, str]:
    """The platform's images by digest."""
    return {name: f"registry.example.com/trading/{name}:1.0.0@sha256:{secrets.token_hex(32)}" for name in SERVICES}


def secret_settings(stack: str) -> Mapping[str, str]:
    """The secrets without which the stack is refused, by key with the project's prefix."""
    if stack.partition("-")[0] != "prod":
        return {}
    return {
        "atlas:alertWebhookUrl": f"https://alerts.example.com/{secrets.token_hex(8)}",
        "atlas:deadMansSwitchUrl": f"https://heartbeat.example.com/{secrets.token_hex(8)}",
        "atlas:postgresPassword": secrets.token_hex(24),
        "atlas:rabbitmqPassword": secrets.token_hex(24),
    }
