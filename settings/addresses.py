"""Addresses: who opens them, and whether anything lets them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from settings.issues import Disagreement
from settings.model import Grafana, Ingress, Trading


@dataclass(frozen=True, kw_only=True)
class _Address:
    """A URL by its key. ``of_people`` are opened in browsers, the others by pods."""

    key: str
    url: str
    of_people: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def addresses(parts: Mapping[str, Any], environment: str | None) -> Iterator[Disagreement]:
    """What is wrong with where URLs, hosts and networks lead to. ``parts`` as in ``agreement.py``."""
    cluster = parts.get("cluster")
    stores = cluster.stores if cluster else None
    hosts: dict[str, str] = {}
    for each in _urls(parts):
        if _is_this_machine(each.host) and not (each.of_people and environment == "local"):
            reached = "that people reach" if each.of_people else "that pods reach: each pod is a machine of its own"
            yield Disagreement(each.key, "leads to the reader's own machine", f"an address {reached}", each.url)
        elif environment == "prod" and not each.url.startswith("https://"):
            mend = "https://" + each.url.removeprefix("http://") if each.host == urlsplit(each.url).netloc else None
            yield Disagreement(each.key, "is not encrypted", "an https URL", each.url, mend)
        elif not each.of_people and cluster and (blocked := blocked_by_policy(each.url, stores)):
            yield Disagreement(each.key, blocked, "port 443, or a network in cluster.stores that holds it", each.url)
        if each.of_people:
            place = urlsplit(each.url).netloc
            if place in hosts:
                yield Disagreement(each.key, f"has the host of {hosts[place]}", "a host of its own", each.url)
            hosts.setdefault(place, each.key)
    trading = parts.get("trading")
    if trading and trading.external:
        external = trading.external
        for field in ("postgres", "redis", "rabbitmq"):
            host = getattr(external, field)
            address = _address(host)
            key = f"trading.external.{field}"
            if _is_this_machine(host):
                yield Disagreement(key, "leads to the pod itself", "a host that pods reach", host)
            elif address is not None and address not in ip_network(external.network):
                wrong = "is outside trading.external.network, which is all that pods may reach"
                yield Disagreement(key, wrong, f"an address in {external.network}", host)
    if environment != "local":
        for key, network in _networks(parts):
            if ip_network(network).is_loopback:
                yield Disagreement(key, "is the machine itself", "addresses as pods see them", network)


def _networks(parts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cluster, trading = parts.get("cluster"), parts.get("trading")
    if cluster:
        yield "cluster.apiServer", cluster.api_server
        yield "cluster.nodes", cluster.nodes
        if cluster.stores:
            yield "cluster.stores", cluster.stores
    if trading and trading.external:
        yield "trading.external.network", trading.external.network


def _urls(parts: Mapping[str, Any]) -> Iterator[_Address]:
    """Every address that is set. The operator's Prometheus is inside the cluster and is left out."""
    for part, field, key, of_people in (
        ("grafana", "url", "grafana.url", True),
        ("trading", "url", "trading.url", True),
        ("trading", "api_url", "trading.apiUrl", True),
        ("traces", "endpoint", "traces.endpoint", False),
        ("traces", "query_url", "traces.queryUrl", False),
        ("logs", "copy_to", "logs.copyTo", False),
        ("logs", "elasticsearch", "logs.elasticsearch", False),
        ("prometheus", "remote_write", "prometheus.remoteWrite", False),
    ):
        url = getattr(parts[part], field) if part in parts else None
        if url:
            yield _Address(key=key, url=url, of_people=of_people)


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


def blocked_by_policy(url: str, stores: str | None) -> str | None:
    """Why no NetworkPolicy lets a pod reach ``url``: what is outside is open at port 443 alone, what is private not at all."""
    parts = urlsplit(url)
    address = _address(parts.hostname or "")
    if address is not None and not address.is_global:
        return None if stores and address in ip_network(stores) else "is a private address that no pod may reach"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return None if port == 443 or stores else f"is at port {port}, which no pod may reach"


def doors(parts: Mapping[str, Any]) -> Iterator[Disagreement]:
    """What is wrong between the ingress and the URLs that it serves."""
    grafana: Grafana | None = parts.get("grafana")
    trading: Trading | None = parts.get("trading")
    ingress: Ingress | None = parts.get("ingress")
    own_grafana = grafana is not None and not grafana.existing
    if grafana and own_grafana and urlsplit(grafana.url).path:
        parts_of_url = urlsplit(grafana.url)
        mend = f"{parts_of_url.scheme}://{parts_of_url.netloc}"
        yield Disagreement("grafana.url", "has a path", "a host of its own for the Grafana here", grafana.url, mend)
    if ingress is None:
        return
    if ingress.issuer and "tls_secret" in ingress.model_fields_set:
        expected = "either ingress.issuer, which makes its own Secrets, or ingress.tlsSecret"
        yield Disagreement("ingress.tlsSecret", "has no effect", expected, ingress.tls_secret, remove=True)
    if grafana and trading and not own_grafana and not trading.enabled:
        yield Disagreement("ingress", "leads to nothing", "a Grafana here, or trading.enabled: true", remove=True)
    for each in _urls(parts):
        led_to = own_grafana if each.key == "grafana.url" else trading is not None and trading.enabled
        if not each.of_people or not led_to:
            continue
        if _address(each.host) is not None:
            yield Disagreement(each.key, "is an address, and an ingress goes by name", "a host name", each.url)
        elif not each.url.startswith("https://"):
            expected = "an https URL: TLS ends at the ingress controller"
            yield Disagreement(each.key, "is not encrypted beside ingress", expected, each.url)
