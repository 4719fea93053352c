"""Prometheus: scrapes the services and exporters, takes OTLP metrics from the gateway, evaluates the rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import yaml
from pulumi import Input, Output, ResourceOptions

from catalog.yaml_reader import load
from components.backend import MetricsBackend, prometheus_backend
from components.generated_rules import generate_rules
from components.inventory import select_rule_files
from components.namespace_context import NamespaceContext
from components.platform_services import BROKER_METRICS_PORT
from components.rbac import grant_in_namespace, may_read
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume, mutable_config_map, projected_volume, secret_volume
from components.workload import PersistentVolume, Probes, Workload, WorkloadArgs
from settings.model import Namespaces
from settings.model import Prometheus as PrometheusSettings
from settings.units import to_bytes

RETENTION_SIZE_RATIO = 0.8
"""Of the volume, before the oldest blocks go: compaction needs room beside what is kept."""
SECRETS = "/etc/prometheus/secrets"


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """``rules`` maps file names to rule files, ``generated_rules`` is the one that the program writes. Services are discovered in
    ``scraped_contexts``, by role; ``namespaces`` has their names. ``broker`` is the host of a RabbitMQ outside the cluster.
    ``secret`` names the Secret with ``remote-write-token``.
    """

    context: NamespaceContext
    settings: PrometheusSettings
    image: Input[str]
    config: str
    rules: Mapping[str, str]
    generated_rules: str
    scraped_contexts: Mapping[str, NamespaceContext]
    namespaces: Namespaces
    broker: str | None = None
    secret: Input[str] | None = None

    @staticmethod
    def of(stack: StackInputs) -> "PrometheusArgs":
        """What the component needs of the stack."""
        settings, external = stack.settings, stack.settings.platform.external
        return PrometheusArgs(
            context=stack.observability,
            settings=settings.prometheus,
            image=stack.images["prometheus"],
            config=stack.config["prometheus/prometheus.yaml"],
            rules=select_rule_files(settings, stack.catalog.rules),
            generated_rules=generate_rules(settings),
            scraped_contexts=stack.contexts,
            namespaces=settings.namespaces,
            broker=external.rabbitmq if external else None,
            secret=stack.secrets.workloads.get("prometheus"),
        )


class Prometheus(pulumi.ComponentResource):
    """One process, or two that know nothing of each other and each scrape everything."""

    metrics: MetricsBackend

    def __init__(self, name: str, args: PrometheusArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Prometheus", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings = args.context, args.settings
        rules = [
            mutable_config_map("prometheus-rules", "prometheus", args.rules, context, child),
            mutable_config_map(
                "prometheus-deployed", "prometheus", {"deployed.yaml": args.generated_rules}, context, child
            ),
        ]
        names = {
            str(Namespaces.model_fields[role].default): getattr(args.namespaces, role) for role in args.scraped_contexts
        }
        document = load(args.config)
        set_namespaces(document, names)
        if args.broker:
            scrape_broker(document, args.broker, context.environment)
        if settings.remote_write:
            add_remote_write(document, settings.remote_write, with_token=args.secret is not None)
        # Untouched where nothing differs: Prometheus itself expands no variable there.
        same = document == load(args.config)
        config = args.config if same else yaml.safe_dump(document, sort_keys=False)
        mounts = {
            "/etc/prometheus/config": immutable_config_volume(
                "prometheus", {"prometheus.yaml": config}, context, child
            ),
            "/etc/prometheus/rules": projected_volume("rules", rules),
        }
        if args.secret:
            mounts[SECRETS] = secret_volume("secrets", args.secret)
        workload = Workload(
            "prometheus",
            WorkloadArgs(
                context=context,
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
                    f"--storage.tsdb.retention.size={int(to_bytes(settings.volume) * RETENTION_SIZE_RATIO)}B",
                    "--web.enable-otlp-receiver",
                    "--log.format=json",
                ],
                env={"ENVIRONMENT": context.environment, "CLUSTER": context.cluster},
                field_env={"REPLICA": "metadata.name"},
                ports={"http-metrics": 9090},
                # Replaying the log of a large head takes minutes.
                probes=Probes(
                    port="http-metrics", liveness_path="/-/healthy", readiness_path="/-/ready", startup_seconds=900
                ),
                mounts=mounts,
                persistent_volume=PersistentVolume(path="/var/lib/prometheus", size=settings.volume),
                api_access_reason="discovers scrape targets",
                headless=True,
                termination_grace_seconds=300,
            ),
            child,
        )
        for role, scraped in args.scraped_contexts.items():
            grant_in_namespace(
                "prometheus-discovery",
                may_read([("", ["pods", "services"]), ("discovery.k8s.io", ["endpointslices"])]),
                scraped.namespace,
                {"kind": "ServiceAccount", "name": workload.service_account, "namespace": context.namespace},
                child,
                resource_name=f"prometheus-discovery-{role}",
            )
        replicas = range(settings.replicas)
        url = Output.concat("http://", workload.address, ":9090")
        self.metrics = MetricsBackend(
            query_url=url,
            replicas=[
                prometheus_backend(Output.format("http://prometheus-{0}.{1}:9090", each, workload.address))
                for each in replicas
            ],
        )
        self.register_outputs({"url": url})


def set_namespaces(document: dict[str, Any], names: Mapping[str, str]) -> None:
    """Let a configuration discover namespaces of these names; one that is not among them is not looked into.

    ``names`` maps the names that the file has to those that are deployed.
    """
    for job in document["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            listed = discovery["namespaces"]["names"]
            discovery["namespaces"]["names"] = [names[name] for name in listed if name in names]


def scrape_broker(document: dict[str, Any], host: str, environment: str) -> None:
    """Scrape the plugin of a RabbitMQ that no Service leads to, within the limits of the other jobs."""
    services = next(job for job in document["scrape_configs"] if job["job_name"] == "services")
    limits = {key: value for key, value in services.items() if key.endswith("_limit")}
    labels = {"service": "rabbitmq", "environment": environment}
    target = {"targets": [f"{host}:{BROKER_METRICS_PORT}"], "labels": labels}
    document["scrape_configs"].append({"job_name": "rabbitmq", "static_configs": [target], **limits})


def add_remote_write(document: dict[str, Any], url: str, *, with_token: bool) -> None:
    """Send every sample to a further store as well."""
    store: dict[str, Any] = {"url": url}
    if with_token:
        store["authorization"] = {"credentials_file": f"{SECRETS}/remote-write-token"}
    document["remote_write"] = [store]
