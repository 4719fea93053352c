"""The ways in from outside: Grafana, ops-ui and the api, each at its own host over TLS."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.networking.v1 import HTTPIngressPathArgsDict, IngressSpecArgsDict
from pulumi_kubernetes.networking.v1 import Ingress as KubernetesIngress

from components.namespace_context import Place
from settings.model import Ingress as IngressSettings
from settings.model import Settings


@dataclass(frozen=True, kw_only=True)
class Door:
    """A URL that leads to a port of a Service of the same namespace."""

    place: Place
    url: str
    service: str
    port: str


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    settings: IngressSettings
    doors: Mapping[str, Door]


class Ingress(pulumi.ComponentResource):
    """One Ingress a door; plain http is for nothing but the controller's redirect."""

    def __init__(self, name: str, args: IngressArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Ingress", name, {}, opts)
        child = ResourceOptions(parent=self)
        settings = args.settings
        annotations = {"cert-manager.io/cluster-issuer": settings.issuer} if settings.issuer else {}
        for called, door in args.doors.items():
            host = urlsplit(door.url).hostname or ""
            path: HTTPIngressPathArgsDict = {
                "path": "/",
                "path_type": "Prefix",
                "backend": {"service": {"name": door.service, "port": {"name": door.port}}},
            }
            spec: IngressSpecArgsDict = {
                "tls": [{"hosts": [host], "secret_name": f"{called}-tls" if settings.issuer else settings.tls_secret}],
                "rules": [{"host": host, "http": {"paths": [path]}}],
            }
            if settings.class_name:
                spec["ingress_class_name"] = settings.class_name
            KubernetesIngress(
                called,
                metadata={
                    "name": called,
                    "namespace": door.place.namespace,
                    "labels": door.place.labels(called),
                    "annotations": annotations | door.place.annotations(),
                },
                spec=spec,
                opts=child,
            )
        self.register_outputs({})


def doors(settings: Settings, observability: Place, trading: Place) -> dict[str, Door]:
    """What the environment has to show, at the URLs that its settings give."""
    found: dict[str, Door] = {}
    if not settings.grafana.existing:
        found["grafana"] = Door(place=observability, url=settings.grafana.url, service="grafana", port="http-metrics")
    for service, url in (("ops-ui", settings.trading.url), ("api", settings.trading.api_url)):
        if settings.trading.enabled and url:
            found[service] = Door(place=trading, url=url, service=service, port="http")
    return found
