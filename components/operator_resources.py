"""For a cluster with the Prometheus Operator: the same rules and targets as its objects, for the Prometheus that is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource

from catalog.yaml_reader import load
from components.backend import MetricsBackend, prometheus_backend
from components.generated_rules import generate_rules
from components.inventory import select_rule_files
from components.namespace_context import NamespaceContext
from components.platform_services import DEPLOYMENTS, SERVICES
from components.stack_inputs import StackInputs
from settings.model import Prometheus as PrometheusSettings

GROUP_VERSION = "monitoring.coreos.com/v1"


@dataclass(frozen=True, kw_only=True)
class OperatorResourcesArgs:
    """``rules`` maps file names to rule files, ``generated_rules`` is the one that the program writes. Services in
    ``scraped_contexts``, by role, are targets.
    """

    context: NamespaceContext
    settings: PrometheusSettings
    rules: Mapping[str, str]
    generated_rules: str
    scraped_contexts: Mapping[str, NamespaceContext]
    with_platform: bool

    @staticmethod
    def of(stack: StackInputs) -> "OperatorResourcesArgs":
        """What the component needs of the stack."""
        settings = stack.settings
        return OperatorResourcesArgs(
            context=stack.observability,
            settings=settings.prometheus,
            rules=select_rule_files(settings, stack.catalog.rules),
            generated_rules=generate_rules(settings),
            scraped_contexts=stack.contexts,
            with_platform=settings.platform.enabled,
        )


class OperatorResources(pulumi.ComponentResource):
    """A PrometheusRule a file, a ServiceMonitor a namespace, a Probe a probed Service."""

    metrics: MetricsBackend
    """The operator's Prometheus."""

    def __init__(self, name: str, args: OperatorResourcesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Monitors", name, {}, opts)
        child = ResourceOptions(parent=self)
        context = args.context

        def custom(kind: str, object_name: str, spec: Mapping[str, Any]) -> None:
            CustomResource(
                f"{kind.lower()}-{object_name}",
                api_version=GROUP_VERSION,
                kind=kind,
                metadata={
                    "name": f"atlas-{object_name}",
                    "namespace": context.namespace,
                    "labels": context.labels(object_name) | args.settings.labels,
                },
                spec=spec,
                opts=child,
            )

        for file, text in {**args.rules, "deployed.yaml": args.generated_rules}.items():
            custom("PrometheusRule", file.removesuffix(".yaml").replace("_", "-"), load(text))
        for role, scraped in args.scraped_contexts.items():
            custom("ServiceMonitor", role, service_monitor(scraped))
        for service in DEPLOYMENTS if args.with_platform else ():
            if SERVICES[service].port:
                custom("Probe", service, probe(context, args.scraped_contexts["trading"], service))
        url = args.settings.url or ""
        self.metrics = MetricsBackend(query_url=url, replicas=[prometheus_backend(url)])
        self.register_outputs({})


def service_monitor(context: NamespaceContext) -> dict[str, Any]:
    """Every Service of ours with a port ``metrics`` or ``http-metrics``, with the labels and limits of our own Prometheus."""
    label = "__meta_kubernetes_service_label_app_kubernetes_io_name"
    relabelings = [
        {"sourceLabels": [label], "targetLabel": "service"},
        {"targetLabel": "environment", "replacement": context.environment},
    ]
    return {
        "jobLabel": "app.kubernetes.io/name",
        "namespaceSelector": {"matchNames": [context.namespace]},
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


def probe(prober: NamespaceContext, context: NamespaceContext, service: str) -> dict[str, Any]:
    """One of the platform's services, asked through the blackbox exporter."""
    entry = SERVICES[service]
    url = Output.concat("http://", service, ".", context.namespace, f".svc:{entry.port}{entry.health_path}")
    return {
        "jobName": "probes",
        "module": "healthy",
        "prober": {"url": Output.format("blackbox-exporter.{0}.svc:9115", prober.namespace)},
        "targets": {
            "staticConfig": {
                "static": [url],
                "labels": {"service": service, "namespace": context.namespace, "environment": context.environment},
            }
        },
    }
