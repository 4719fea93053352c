"""What an environment may set, and which values go together. Read by ``configuration.py``; nothing else reads configuration."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.image import IMAGES, check_reference, is_digest_reference
from components.quantity import to_bytes, to_hours, to_millicores

Environment = Literal["local", "dev", "prod"]


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise ValueError("expected a DNS label: at most 63 lower-case letters, digits and hyphens, no hyphen at an end")
    return value


def _quantity(value: str) -> str:
    to_bytes(value)
    return value


def _cpu(value: str) -> str:
    to_millicores(value)
    return value


def _retention(value: str) -> str:
    if to_hours(value) > 24 * 365 * 5:
        raise ValueError("expected at most 5 years (260w)")
    return value


def _network(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError:
        raise ValueError("expected a network in CIDR notation with no host bits set, such as 10.0.0.1/32") from None
    if network.prefixlen == 0:
        raise ValueError("expected the API server's own addresses, not the whole internet")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or value != value.strip():
        raise ValueError("expected an absolute URL such as https://grafana.example.com")
    if parts.username or parts.password:
        raise ValueError("expected a URL without credentials; secrets are configuration keys of their own")
    if value.endswith("/") or parts.query or parts.fragment:
        raise ValueError("expected no trailing slash, query or fragment")
    return value


Quantity = Annotated[str, AfterValidator(_quantity)]
Cpu = Annotated[str, AfterValidator(_cpu)]
Retention = Annotated[str, AfterValidator(_retention)]
Network = Annotated[str, AfterValidator(_network)]
Url = Annotated[str, AfterValidator(_url)]
Label = Annotated[str, AfterValidator(_label)]
Reference = Annotated[str, AfterValidator(check_reference)]


class Model(BaseModel):
    """Strict (no conversion of types), closed (no unknown keys), frozen; keys are camelCase as in Kubernetes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class Cluster(Model):
    """The cluster to deploy into: named, never whatever context happens to be current."""

    context: str = Field(min_length=1, description="kubeconfig context", examples=["my-cluster"])
    name: Label = Field(description="the cluster's name in telemetry (k8s.cluster.name)", examples=["my-cluster"])
    api_server: Network = Field(description="the API server's address as pods see it", examples=["10.0.0.1/32"])
    api_server_port: int = Field(default=6443, ge=1, le=65535)
    storage_class: Label | None = Field(default=None, description="of every volume; unset means the cluster's default")
    wait_for_ready: bool = Field(default=True, description="wait until pods are ready; false only where none can run")


class Collector(Model):
    """The OpenTelemetry Collector gateway."""

    replicas: int = Field(default=1, ge=1, le=50)
    cpu: Cpu = "200m"
    memory: Quantity = "512Mi"
    volume: Quantity = Field(default="2Gi", description="the export queues' volume, one a replica")
    fsync: bool = Field(
        default=True, description="wait for the disk at each write: what is acknowledged survives a power loss"
    )
    sampling_percentage: float = Field(
        default=100.0,
        gt=0,
        le=100,
        strict=False,
        description="share of ordinary traces kept; errors and slow spans always are",
    )


class Prometheus(Model):
    replicas: int = Field(default=1, ge=1, le=2, description="identical replicas, each scraping everything")
    cpu: Cpu = "200m"
    memory: Quantity = "1Gi"
    volume: Quantity = "10Gi"
    retention: Retention = "15d"


class Loki(Model):
    cpu: Cpu = "200m"
    memory: Quantity = "1Gi"
    volume: Quantity = "10Gi"
    retention: Retention = "7d"


class Jaeger(Model):
    cpu: Cpu = "200m"
    memory: Quantity = "1Gi"
    volume: Quantity = "10Gi"
    retention: Retention = "3d"


class Grafana(Model):
    cpu: Cpu = "100m"
    memory: Quantity = "512Mi"
    url: Url = Field(description="where people open Grafana", examples=["https://grafana.example.com"])


class Limits(Model):
    """The risk limits that the workers enforce; deployed as their environment and as series for the alerts."""

    daily_max_loss: float = Field(default=1000.0, gt=0, strict=False, description="quote currency")
    max_open_orders: int = Field(default=50, ge=1, description="orders")
    max_order_notional: float = Field(default=1000.0, gt=0, strict=False, description="quote currency")
    max_orders_per_minute: int = Field(default=60, ge=1, description="orders a minute")


class Settings(Model):
    environment: Environment = Field(description="equals the stack's name", examples=["dev"])
    cluster: Cluster
    collector: Collector = Collector()
    prometheus: Prometheus = Prometheus()
    loki: Loki = Loki()
    jaeger: Jaeger = Jaeger()
    grafana: Grafana
    limits: Limits = Limits()
    images: dict[str, Reference] = Field(default={}, description="replaces the pinned image of that name")
    rotation: str = Field(default="1", min_length=1, description="change it to generate every generated secret anew")


# Given secrets: flat keys, set with --secret, all optional (what is missing is generated). Never part of Settings.
SECRET_KEYS = {"grafanaAdminPassword": "Grafana's administrator password, at least 16 characters"}

SHORTEST_SECRET = 16
WEAK_SECRETS = ("admin", "changeme", "default", "example", "guest", "password", "postgres", "secret", "your_")
"""A given secret that contains one of these was never meant to be one."""

Disagreement = tuple[str, str, str, str]
"""(key, what is wrong, what was found, what to write instead)"""

SMALLEST = {"collector": "256Mi", "prometheus": "512Mi", "loki": "512Mi", "jaeger": "512Mi", "grafana": "256Mi"}


def disagreements(parts: dict[str, Any], stack: str) -> Iterator[Disagreement]:
    """What is wrong between values that are each valid. ``parts`` holds the valid top-level settings only."""
    environment = parts.get("environment")
    for part, least in SMALLEST.items():
        if part in parts and to_bytes(parts[part].memory) < to_bytes(least):
            yield f"{part}.memory", "is too small to start with", parts[part].memory, f"at least {least}"
    if "loki" in parts and to_hours(parts["loki"].retention) < 24:
        yield "loki.retention", "is shorter than Loki's index period", parts["loki"].retention, "at least 1d"
    images = parts.get("images", {})
    for name in images.keys() - IMAGES.keys():
        yield f"images.{name}", "is no image of this stack", images[name], "one of " + ", ".join(sorted(IMAGES))
    # One environment may have several stacks: prod, prod-eu.
    if environment and stack.partition("-")[0] != environment:
        yield "environment", "differs from the stack's name", environment, stack.partition("-")[0]
    elif environment == "prod":
        yield from _production(parts)


def _production(parts: dict[str, Any]) -> Iterator[Disagreement]:
    for name, reference in parts.get("images", {}).items():
        if not is_digest_reference(reference):
            yield f"images.{name}", "has no digest", reference, f"{reference.partition('@')[0]}@sha256:<64 hex digits>"
    grafana: Grafana | None = parts.get("grafana")
    if grafana and (
        not grafana.url.startswith("https://") or urlsplit(grafana.url).hostname in ("localhost", "127.0.0.1")
    ):
        yield "grafana.url", "is not for production", grafana.url, "an https URL that people reach"
    for part, least in (("collector", 3), ("prometheus", 2)):
        if part in parts and parts[part].replicas < least:
            yield (
                f"{part}.replicas",
                "cannot survive the loss of a node",
                str(parts[part].replicas),
                f"at least {least}",
            )
