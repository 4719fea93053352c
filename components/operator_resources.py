"""For a cluster with the Prometheus Operator: the same rules and targets as its objects, for the Prometheus that is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource

from catalog.yaml_reader import load
from components.namespace_context import Place
from components.platform_services import LONG_RUNNING, SERVICES
from settings.model import Prometheus as PrometheusSettings

GROUP_VERSION = "monitoring.coreos.com/v1"


@dataclass(frozen=True, kw_only=True)
class MonitorsArgs:
    """``rules`` maps file names to rule files, ``deployed`` is the generated one. ``scraped`` are the places whose Services are
    targets, by role.
    """

    place: Place
    settings: PrometheusSettings
    rules: Mapping[str, str]
    deployed: str
    scraped: Mapping[str, Place]
    with_platform: bool


class Monitors(pulumi.ComponentResource):
    """A PrometheusRule a file, a ServiceMonitor a namespace, a Probe a probed Service."""

    def __init__(self, name: str, args: MonitorsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Monitors", name, {}, opts)
        child = ResourceOptions(parent=self)
        place = args.place

        def custom(kind: str, called: str, spec: Mapping[str, Any]) -> None:
            CustomResource(
                f"{kind.lower()}-{called}",
                api_version=GROUP_VERSION,
                kind=kind,
                metadata={
                    "name": f"atlas-{called}",
                    "namespace": place.namespace,
                    "labels": place.labels(called) | args.settings.labels,
                },
                spec=spec,
                opts=child,
            )

        for file, text in {**args.rules, "deployed.yaml": args.deployed}.items():
            custom("PrometheusRule", file.removesuffix(".yaml").replace("_", "-"), load(text))
        for role, scraped in args.scraped.items():
            custom("ServiceMonitor", role, service_monitor(scraped))
        for service in LONG_RUNNING if args.with_platform else ():
            if SERVICES[service].port:
                custom("Probe", service, probe(place, args.scraped["trading"], service))
        self.register_outputs({})


def service_monitor(place: Place) -> dict[str, Any]:
    """Every Service of ours with a port ``metrics`` or ``http-metrics``, with the labels and limits of our own Prometheus."""
    label = "__meta_kubernetes_service_label_app_kubernetes_io_name"
    relabelings = [
        {"sourceLabels": [label], "targetLabel": "service"},
        {"targetLabel": "environment", "replacement": place.environment},
    ]
    return {
        "jobLabel": "app.kubernetes.io/name",
        "namespaceSelector": {"matchNames": [place.namespace]},
        "selector": {"matchLabels": {"app.kubernetes.io/part-of": "atlas"}},
        "sampleLimit": 50000,
        "labelLimit": 40,
        "labelNameLengthLimit": 128,
        "labelValueLengthLimit": 1024,
        "targetLimit": 500,
        "endpoints": [
            {"port": port, "interval": "15s", "scrapeTimeout": "10s", "relabelings": relabelings}
            for port in ("metrics", "http-metrics")
        ],
    }


def probe(prober: Place, place: Place, service: str) -> dict[str, Any]:
    """One of the platform's services, asked through the blackbox exporter."""
    entry = SERVICES[service]
    url = Output.concat("http://", service, ".", place.namespace, f".svc:{entry.port}{entry.health}")
    return {
        "jobName": "probes",
        "module": "healthy",
        "prober": {"url": Output.format("blackbox-exporter.{0}.svc:9115", prober.namespace)},
        "targets": {
            "staticConfig": {
                "static": [url],
                "labels": {"service": service, "namespace": place.namespace, "environment": place.environment},
            }
        },
    }
