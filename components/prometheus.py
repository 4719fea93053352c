"""Prometheus: scrapes the services and exporters, takes OTLP metrics from the gateway, evaluates the rules."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import yaml
from pulumi import Input, Output, ResourceOptions

from components.files import merged, read_once, reloaded
from components.place import Place
from components.quantity import to_bytes
from components.rbac import grant_in_namespace, may_read
from components.settings import Limits
from components.settings import Prometheus as PrometheusSettings
from components.workload import Data, Probes, Workload, WorkloadArgs

SIZE_SHARE = 0.8
"""Of the volume, before the oldest blocks go: compaction needs room beside what is kept."""


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """``rules`` maps file names to rule files. ``scraped`` are the namespaces whose Services are discovered."""

    place: Place
    image: str
    settings: PrometheusSettings
    config: str
    rules: Mapping[str, str]
    limits: Limits
    scraped: Mapping[str, Input[str]]


class Prometheus(pulumi.ComponentResource):
    url: Output[str]
    otlp_url: Output[str]
    """OTLP/HTTP base URL of the receiver."""

    def __init__(self, name: str, args: PrometheusArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Prometheus", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        rules = [
            reloaded("prometheus-rules", "prometheus", args.rules, place, child),
            reloaded("prometheus-limits", "prometheus", {"limits.yaml": limit_rules(args.limits)}, place, child),
        ]
        workload = Workload(
            "prometheus",
            WorkloadArgs(
                place=place,
                image=args.image,
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=[
                    "--config.file=/etc/prometheus/config/prometheus.yaml",
                    "--config.auto-reload-interval=30s",
                    "--enable-feature=auto-reload-config,exemplar-storage",
                    "--storage.tsdb.path=/var/lib/prometheus",
                    f"--storage.tsdb.retention.time={settings.retention}",
                    f"--storage.tsdb.retention.size={int(to_bytes(settings.volume) * SIZE_SHARE)}B",
                    "--web.enable-otlp-receiver",
                    "--log.format=json",
                ],
                env={"ENVIRONMENT": place.environment, "CLUSTER": place.cluster},
                ports={"http-metrics": 9090},
                # Replaying the log of a large head takes minutes.
                probes=Probes(port="http-metrics", alive="/-/healthy", ready="/-/ready", startup_seconds=900),
                mounts={
                    "/etc/prometheus/config": read_once("prometheus", {"prometheus.yaml": args.config}, place, child),
                    "/etc/prometheus/rules": merged("rules", rules),
                },
                data=Data(path="/var/lib/prometheus", size=settings.volume),
                reads_api="discovers scrape targets",
                headless=True,
                grace_seconds=300,
            ),
            child,
        )
        for namespace, deployed in args.scraped.items():
            grant_in_namespace(
                "prometheus-discovery",
                may_read([("", ["pods", "services"]), ("discovery.k8s.io", ["endpointslices"])]),
                deployed,
                {"kind": "ServiceAccount", "name": workload.service_account, "namespace": place.namespace},
                child,
                called=f"prometheus-discovery-{namespace}",
            )
        self.url = Output.concat("http://", workload.address, ":9090")
        self.otlp_url = Output.concat(self.url, "/api/v1/otlp")
        self.register_outputs({"url": self.url, "otlp_url": self.otlp_url})


def limit_rules(limits: Limits) -> str:
    """The rule file that makes each deployed limit a series, so that an alert compares what is with what was deployed."""
    rules = [
        {"record": f"atlas:limit:{name}", "expr": f"vector({value:g})"} for name, value in limits.model_dump().items()
    ]
    return yaml.safe_dump({"groups": [{"name": "atlas_limits", "rules": rules}]}, sort_keys=False)
