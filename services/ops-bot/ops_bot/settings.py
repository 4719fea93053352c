"""What the bot reads from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(Exception):
    """The message names the variable, what was found and what to write."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``pnl_threshold`` in quote currency, ``dedup_ttl`` in seconds. Without a token and a URL nothing is posted, only logged."""

    log_level: str
    health_port: int
    redis_host: str
    redis_port: int
    rabbitmq: Mapping[str, str | int] | None
    slack_token: str | None
    slack_channel: str
    slack_url: str
    teams_url: str | None
    enabled: bool
    pnl_threshold: float
    dedup_ttl: float


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings.

    Raises:
        SettingsError: at the first variable that is no number.
    """

    def number(name: str, default: str) -> float:
        value = environment.get(name) or default
        try:
            return float(value)
        except ValueError:
            raise SettingsError(f"{name}={value!r} is not a number: write one, as in {name}={default}") from None

    rabbitmq = None
    if host := environment.get("RABBITMQ_HOST"):
        rabbitmq = {
            "host": host,
            "port": int(number("RABBITMQ_PORT", "5672")),
            "login": environment.get("RABBITMQ_USER") or "guest",
            "password": environment.get("RABBITMQ_PASSWORD") or "guest",
        }
    return Settings(
        log_level=environment.get("LOG_LEVEL") or "info",
        health_port=int(number("HEALTH_PORT", "8080")),
        redis_host=environment.get("REDIS_HOST") or "cache",
        redis_port=int(number("REDIS_PORT", "6379")),
        rabbitmq=rabbitmq,
        slack_token=environment.get("SLACK_BOT_TOKEN") or None,
        slack_channel=environment.get("SLACK_ALERT_CHANNEL") or "#alerts",
        slack_url=environment.get("SLACK_API_URL") or "https://slack.com/api/chat.postMessage",
        teams_url=environment.get("TEAMS_WEBHOOK_URL") or None,
        enabled=(environment.get("ALERT_ENABLE") or "true").lower() == "true",
        pnl_threshold=number("ALERT_PNL_THRESHOLD", "-500"),
        dedup_ttl=number("ALERT_DEDUP_TTL", "300"),
    )
