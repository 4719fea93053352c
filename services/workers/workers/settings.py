"""What the workers read from their environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class SettingsError(Exception):
    """A variable is missing or wrong; the message names it, what was found and what to write."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """``daily_max_loss`` and ``max_order_notional`` are in quote currency."""

    daily_max_loss: float
    max_open_orders: int
    max_order_notional: float
    max_orders_per_minute: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``rabbitmq_url`` is None where the bus is Redis; ``price_interval`` is in seconds."""

    log_level: str
    metrics_port: int
    markets: tuple[str, ...]
    limits: Limits
    postgres_dsn: Mapping[str, str | int]
    redis_host: str
    redis_port: int
    rabbitmq: Mapping[str, str | int] | None
    price_interval: float
    faults: bool


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings.

    Raises:
        SettingsError: at the first variable that is missing or wrong.
    """

    def text(name: str, default: str | None = None) -> str:
        value = environment.get(name) or default
        if value is None:
            raise SettingsError(f"{name} is not set: the workers cannot start without it")
        return value

    def number(name: str, kind: Callable[[str], T], default: str) -> T:
        value = text(name, default)
        try:
            parsed = kind(value)
        except ValueError:
            parsed = None
        if parsed is None or not float(str(parsed)) > 0:
            raise SettingsError(f"{name}={value!r} is not a number above 0: write one, as in {name}={default}")
        return parsed

    if text("PAPER_TRADING", "true").lower() != "true" or text("LIVE_TRADING_DEFAULT", "false").lower() == "true":
        raise SettingsError("these workers trade on paper only: set PAPER_TRADING=true and LIVE_TRADING_DEFAULT=false")
    rabbitmq = None
    if environment.get("RABBITMQ_HOST"):
        rabbitmq = {
            "host": text("RABBITMQ_HOST"),
            "port": number("RABBITMQ_PORT", int, "5672"),
            "login": text("RABBITMQ_USER", "guest"),
            "password": text("RABBITMQ_PASSWORD", "guest"),
        }
    markets = tuple(
        market.strip() for market in text("ALLOWED_MARKETS", "BTC-USD,ETH-USD").split(",") if market.strip()
    )
    return Settings(
        log_level=text("LOG_LEVEL", "info"),
        metrics_port=number("METRICS_PORT", int, "9108"),
        markets=markets,
        limits=Limits(
            daily_max_loss=number("DAILY_MAX_LOSS", float, "1000"),
            max_open_orders=number("MAX_OPEN_ORDERS", int, "50"),
            max_order_notional=number("MAX_ORDER_NOTIONAL", float, "1000"),
            max_orders_per_minute=number("MAX_ORDERS_PER_MINUTE", int, "60"),
        ),
        postgres_dsn={
            "host": text("POSTGRES_HOST"),
            "port": number("POSTGRES_PORT", int, "5432"),
            "user": text("POSTGRES_USER"),
            "password": text("POSTGRES_PASSWORD"),
            "database": text("POSTGRES_DB"),
        },
        redis_host=text("REDIS_HOST", "cache"),
        redis_port=number("REDIS_PORT", int, "6379"),
        rabbitmq=rabbitmq,
        price_interval=number("PRICE_INTERVAL_SECONDS", float, "1"),
        faults=text("FAULTS", "false").lower() == "true",
    )
