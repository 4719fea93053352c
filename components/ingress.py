"""The ways in from outside: Grafana, ops-ui and the api, each at its own host over TLS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.networking.v1 import HTTPIngressPathArgsDict, IngressSpecArgsDict
from pulumi_kubernetes.networking.v1 import Ingress as KubernetesIngress

from components.namespace_context import NOT_AWAITED, NamespaceContext
from components.platform_services import SERVICES, public_url
from components.stack_inputs import StackInputs
from settings.model import Ingress as IngressSettings


@dataclass(frozen=True, kw_only=True)
class IngressRoute:
    """A URL that leads to a port of a Service of the same namespace."""

    context: NamespaceContext
    url: str
    service: str
    port: str
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    """By which the controller asks who comes."""


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    settings: IngressSettings
    routes: Mapping[str, IngressRoute]

    @staticmethod
    def of(stack: StackInputs, settings: IngressSettings) -> "IngressArgs":
        """What the component needs of the stack."""
        return IngressArgs(settings=settings, routes=ingress_routes(stack, settings))


class Ingress(pulumi.ComponentResource):
    """One Ingress a route; plain http is for nothing but the controller's redirect."""

    def __init__(self, name: str, args: IngressArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Ingress", name, {}, opts)
        child = ResourceOptions(parent=self)
        settings = args.settings
        # Not every controller reports an address, which an update would wait for.
        annotations = NOT_AWAITED | ({"cert-manager.io/cluster-issuer": settings.issuer} if settings.issuer else {})
        for route_name, route in args.routes.items():
            host = urlsplit(route.url).hostname or ""
            path: HTTPIngressPathArgsDict = {
                "path": "/",
                "path_type": "Prefix",
                "backend": {"service": {"name": route.service, "port": {"name": route.port}}},
            }
            spec: IngressSpecArgsDict = {
                "tls": [
                    {"hosts": [host], "secret_name": f"{route_name}-tls" if settings.issuer else settings.tls_secret}
                ],
                "rules": [{"host": host, "http": {"paths": [path]}}],
            }
            if settings.class_name:
                spec["ingress_class_name"] = settings.class_name
            KubernetesIngress(
                route_name,
                metadata={
                    "name": route_name,
                    "namespace": route.context.namespace,
                    "labels": route.context.labels(route_name),
                    "annotations": {**annotations, **route.annotations},
                },
                spec=spec,
                opts=child,
            )
        self.register_outputs({})


def ingress_routes(stack: StackInputs, ingress: IngressSettings) -> dict[str, IngressRoute]:
    """What people and clients open from outside, at the URLs that the settings give."""
    settings = stack.settings
    routes: dict[str, IngressRoute] = {}
    if not settings.grafana.existing:
        routes["grafana"] = IngressRoute(
            context=stack.observability, url=settings.grafana.url, service="grafana", port="http-metrics"
        )
    for service, entry in SERVICES.items() if settings.platform.enabled else ():
        url = public_url(service, settings.platform)
        if url and entry.port:
            routes[service] = IngressRoute(
                context=stack.trading, url=url, service=service, port="http", annotations=_annotations(ingress)
            )
    return routes


def _annotations(ingress: IngressSettings) -> dict[str, str]:
    allowed = {"nginx.ingress.kubernetes.io/whitelist-source-range": ",".join(ingress.allow)} if ingress.allow else {}
    return {**allowed, **ingress.annotations}
