"""What an environment asks of its user, and no file may hold: made up at random, once a process.

One process is asked for the same configuration many times; with the same values in it, it is the same configuration.
"""

import secrets
from collections.abc import Mapping
from functools import cache

import bcrypt

from components.platform_services import SERVICES
from image_build.collector import COLLECTOR


@cache
def _made_up(what: str, size: int) -> str:
    """``size`` random bytes as hexadecimal digits; ``what`` they are for keeps them apart from others."""
    return secrets.token_hex(size)


@cache
def password_hash() -> str:
    """Of a password that nobody knows."""
    return bcrypt.hashpw(_made_up("operator", 16).encode(), bcrypt.gensalt(10)).decode()


def images() -> dict[str, str]:
    """The platform's images and our own Collector's, by digest."""
    return {
        name: f"registry.example.com/trading/{name}:1.0.0@sha256:{_made_up(name, 32)}"
        for name in (*SERVICES, COLLECTOR)
    }


def secret_settings(stack: str) -> Mapping[str, str]:
    """The secrets without which the stack is refused, by key with the project's prefix."""
    environment = stack.partition("-")[0]
    operator = {} if environment == "local" else {"atlas:opsUiPasswordHash": password_hash()}
    if environment != "prod":
        return operator
    return operator | {
        "atlas:alertWebhookUrl": f"https://alerts.example.com/{_made_up('webhook', 8)}",
        "atlas:deadMansSwitchUrl": f"https://heartbeat.example.com/{_made_up('heartbeat', 8)}",
        "atlas:postgresPassword": _made_up("postgres", 24),
        "atlas:rabbitmqPassword": _made_up("rabbitmq", 24),
    }
