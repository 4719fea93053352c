"""Addresses: who opens them, and whether anything lets them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from components.backend import EXTERNAL_BACKENDS
from settings.introspection import value_at
from settings.issues import ConfigIssue
from settings.model import Grafana, Ingress, Platform, ServiceSettings


@dataclass(frozen=True, kw_only=True)
class _Address:
    """A URL by its key: ``browser_facing``, or opened by pods."""

    key: str
    url: str
    browser_facing: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def check_urls(parts: Mapping[str, Any], environment: str | None) -> Iterator[ConfigIssue]:
    """What is wrong with where URLs, hosts and networks lead to. ``parts`` as in ``agreement.py``."""
    cluster = parts.get("cluster")
    private_backends = cluster.private_backends if cluster else None
    hosts: dict[str, str] = {}
    for each in _urls(parts):
        if _is_this_machine(each.host) and not (each.browser_facing and environment == "local"):
            reached = (
                "that people reach" if each.browser_facing else "that pods reach: each pod is a machine of its own"
            )
            yield ConfigIssue(each.key, "leads to the reader's own machine", f"an address {reached}", each.url)
        elif environment == "prod" and not each.url.startswith("https://"):
            fix = "https://" + each.url.removeprefix("http://") if each.host == urlsplit(each.url).netloc else None
            yield ConfigIssue(each.key, "is not encrypted", "an https URL", each.url, fix)
        elif not each.browser_facing and cluster and (blocked := blocked_by_policy(each.url, private_backends)):
            yield ConfigIssue(
                each.key, blocked, "port 443, or a network in cluster.privateBackends that holds it", each.url
            )
        if each.browser_facing:
            netloc = urlsplit(each.url).netloc
            if netloc in hosts:
                yield ConfigIssue(each.key, f"has the host of {hosts[netloc]}", "a host of its own", each.url)
            hosts.setdefault(netloc, each.key)
    platform = parts.get("platform")
    if platform and platform.external:
        external = platform.external
        for field in ("postgres", "redis", "rabbitmq"):
            host = getattr(external, field)
            address = _address(host)
            key = f"platform.external.{field}"
            if _is_this_machine(host):
                yield ConfigIssue(key, "leads to the pod itself", "a host that pods reach", host)
            elif address is not None and address not in ip_network(external.network):
                wrong = "is outside platform.external.network, which is all that pods may reach"
                yield ConfigIssue(key, wrong, f"an address in {external.network}", host)
    if environment != "local":
        for key, network in _networks(parts):
            if ip_network(network).is_loopback:
                yield ConfigIssue(key, "is the machine itself", "addresses as pods see them", network)


def _networks(parts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cluster, platform = parts.get("cluster"), parts.get("platform")
    if cluster:
        yield "cluster.apiServer", cluster.api_server
        yield "cluster.nodes", cluster.nodes
        if cluster.private_backends:
            yield "cluster.privateBackends", cluster.private_backends
    if platform and platform.external:
        yield "platform.external.network", platform.external.network


def _urls(parts: Mapping[str, Any]) -> Iterator[_Address]:
    """Every address that is set. The operator's Prometheus is inside the cluster and is left out."""
    services: Mapping[str, ServiceSettings] = parts["platform"].services if "platform" in parts else {}
    browser_facing = ("grafana.url", "platform.url", "platform.apiUrl", *_service_urls(services))
    pods = tuple(dict.fromkeys(backend.setting for backend in EXTERNAL_BACKENDS))
    for key in (*browser_facing, *pods):
        url = services[key.split(".")[2]].url if key.startswith("platform.services.") else value_at(parts, key)
        if url:
            yield _Address(key=key, url=url, browser_facing=key in browser_facing)


def _service_urls(services: Mapping[str, ServiceSettings]) -> list[str]:
    return [f"platform.services.{name}.url" for name, each in services.items() if each.url]


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    address = _address(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return host == "localhost" or host.endswith(".localhost")


def blocked_by_policy(url: str, private_backends: str | None) -> str | None:
    """Why no NetworkPolicy lets a pod reach ``url``: what is outside is open at port 443 alone, what is private not at all."""
    parts = urlsplit(url)
    address = _address(parts.hostname or "")
    if address is not None and not address.is_global:
        return (
            None
            if private_backends and address in ip_network(private_backends)
            else "is a private address that no pod may reach"
        )
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return None if port == 443 or private_backends else f"is at port {port}, which no pod may reach"


def check_ingress(parts: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    """What is wrong between the ingress and the URLs that it serves."""
    grafana: Grafana | None = parts.get("grafana")
    platform: Platform | None = parts.get("platform")
    ingress: Ingress | None = parts.get("ingress")
    own_grafana = grafana is not None and not grafana.existing
    if grafana and own_grafana and urlsplit(grafana.url).path:
        parts_of_url = urlsplit(grafana.url)
        fix = f"{parts_of_url.scheme}://{parts_of_url.netloc}"
        yield ConfigIssue("grafana.url", "has a path", "a host of its own for the Grafana here", grafana.url, fix)
    if ingress is None:
        return
    if ingress.issuer and "tls_secret" in ingress.model_fields_set:
        expected = "either ingress.issuer, which makes its own Secrets, or ingress.tlsSecret"
        yield ConfigIssue("ingress.tlsSecret", "has no effect", expected, ingress.tls_secret, remove=True)
    if grafana and platform and not own_grafana and not platform.enabled:
        yield ConfigIssue("ingress", "leads to nothing", "a Grafana here, or platform.enabled: true", remove=True)
    for each in _urls(parts):
        led_to = own_grafana if each.key == "grafana.url" else platform is not None and platform.enabled
        if not each.browser_facing or not led_to:
            continue
        if _address(each.host) is not None:
            yield ConfigIssue(each.key, "is an address, and an ingress goes by name", "a host name", each.url)
        elif not each.url.startswith("https://"):
            expected = "an https URL: TLS ends at the ingress controller"
            yield ConfigIssue(each.key, "is not encrypted beside ingress", expected, each.url)
