"""The observability and hardening layer of the trading platform, one environment a stack. Read it top down."""

import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from catalog import load_catalog
from components.alertmanager import Alertmanager, AlertmanagerArgs
from components.backend import TelemetryBackend
from components.collector import Collector, CollectorArgs, gateway_configs, log_destination_env
from components.data_services import DataServices, DataServicesArgs
from components.exporters import (
    Blackbox,
    BlackboxArgs,
    DataExporters,
    DataExportersArgs,
    KubeStateMetrics,
    KubeStateMetricsArgs,
)
from components.generated_rules import generate_rules
from components.grafana import Dashboards, DashboardsArgs, Grafana, GrafanaArgs
from components.image_builds import ImageBuilds, ImageBuildsArgs
from components.ingress import Ingress, IngressArgs, ingress_routes
from components.inventory import active_workloads, expected_targets, select_rule_files
from components.jaeger import Jaeger, JaegerArgs
from components.loki import Loki, LokiArgs
from components.namespace_context import namespace_contexts
from components.namespaces import Namespaces, NamespacesArgs
from components.network_policies import NetworkPolicies, NetworkPoliciesArgs
from components.node_agent import NodeAgent, NodeAgentArgs
from components.operator_resources import OperatorResources, OperatorResourcesArgs
from components.prometheus import Prometheus, PrometheusArgs, prometheus_backend
from components.secrets import Secrets, SecretsArgs, alert_files, pull_secrets
from components.trading import Trading, TradingArgs, data_hosts
from image_build.plan import plan_builds
from image_build.registry_access import registry_files
from settings.loader import configured_secrets, read_settings

root = Path(__file__).parent
settings, given = read_settings(), configured_secrets()
files, contexts = load_catalog(root), plan_builds(settings, root)
config = files.config

cluster = kubernetes.Provider("cluster", context=settings.cluster.context, enable_config_map_mutable=True)
on = ResourceOptions(provider=cluster)

namespaces = Namespaces("namespaces", NamespacesArgs(settings=settings), on)
pulls = pull_secrets(given.get("registryDockerConfig"), namespaces.by_role, on)
built = {}
if contexts:
    access, tell = registry_files(os.environ, Path.home()), settings.platform.source is not None
    built = ImageBuilds(
        "images",
        ImageBuildsArgs(
            settings=settings.build, contexts=contexts, root=root, registry_files=access, allow_type_errors=tell
        ),
    ).references
at = namespace_contexts(settings, namespaces.by_role, pulls, built)
here, platform = at["observability"], at["trading"]
NetworkPolicies(
    "network", NetworkPoliciesArgs.of(settings, namespaces.by_role, has_alert_receivers=bool(alert_files(given))), on
)
secrets = Secrets(
    "secrets", SecretsArgs(observability=here, trading=platform, settings=settings, configured_secrets=given), on
)

loki = Loki(
    "loki", LokiArgs(context=here, settings=settings.loki, config=config["loki/loki.yaml"], secret=secrets.loki), on
)

if settings.traces.endpoint:
    traces = TelemetryBackend(otlp_url=settings.traces.endpoint, query_url=settings.traces.query_url or "")
else:
    traces = Jaeger(
        "jaeger", JaegerArgs(context=here, settings=settings.jaeger, config=config["jaeger/jaeger.yaml"]), on
    ).backend

rules = select_rule_files(active_workloads(settings), files.rules, settings.prometheus.runbooks)
generated = generate_rules(settings.limits, expected_targets(active_workloads(settings)))
if settings.prometheus.operator:
    OperatorResources(
        "monitors",
        OperatorResourcesArgs(
            context=here,
            settings=settings.prometheus,
            rules=rules,
            generated_rules=generated,
            scraped_contexts=at,
            with_platform=settings.platform.enabled,
        ),
        on,
    )
    metrics_url, metrics = settings.prometheus.url or "", [prometheus_backend(settings.prometheus.url or "")]
else:
    Alertmanager(
        "alertmanager",
        AlertmanagerArgs(
            context=here,
            settings=settings.alertmanager,
            config=config["alertmanager/alertmanager.yaml"],
            secret_files=alert_files(given),
            secret=secrets.alertmanager,
            url=settings.grafana.url,
        ),
        on,
    )
    KubeStateMetrics("kube-state-metrics", KubeStateMetricsArgs(context=here), on)
    prometheus = Prometheus(
        "prometheus",
        PrometheusArgs(
            context=here,
            settings=settings.prometheus,
            config=config["prometheus/prometheus.yaml"],
            rules=rules,
            generated_rules=generated,
            scraped_contexts=at,
            namespaces=settings.namespaces,
            broker=settings.platform.external.rabbitmq if settings.platform.external else None,
            secret=secrets.prometheus,
        ),
        on,
    )
    metrics_url, metrics = prometheus.url, prometheus.backends

collector = Collector(
    "collector",
    CollectorArgs(
        context=here,
        settings=settings.collector,
        configs=gateway_configs(settings, files.folder("collector"), given),
        logs=loki.backend,
        traces=traces,
        metrics=metrics,
        log_destination_env=log_destination_env(settings),
        senders=platform,
        secret=secrets.gateway,
    ),
    on,
)
if settings.agent.enabled:
    NodeAgent(
        "node-agent",
        NodeAgentArgs(
            context=at["agents"],
            settings=settings.agent,
            config=config["collector/agent.yaml"],
            gateway=collector.otlp_endpoint,
            kubelet_insecure=settings.cluster.kubelet_insecure,
        ),
        on,
    )

Blackbox("blackbox", BlackboxArgs(context=here, config=config["blackbox/blackbox.yaml"]), on)
stores = {"PROMETHEUS_URL": metrics_url, "LOKI_URL": loki.backend.query_url, "JAEGER_URL": traces.query_url}
if settings.grafana.existing:
    datasources = config["grafana/datasources.yaml"]
    Dashboards(
        "dashboards",
        DashboardsArgs(context=here, dashboards=files.dashboards, datasources=datasources, query_urls=stores),
        on,
    )
else:
    Grafana(
        "grafana",
        GrafanaArgs(
            context=here,
            settings=settings.grafana,
            config=files.folder("grafana"),
            dashboards=files.dashboards,
            secret=secrets.grafana,
            query_urls=stores,
        ),
        on,
    )

if settings.platform.enabled:
    hosts = data_hosts(settings.platform)
    if settings.platform.external is None:
        DataServices(
            "data-services",
            DataServicesArgs(context=platform, secrets=secrets.data, rabbitmq=files.folder("rabbitmq")),
            on,
        )
    Trading(
        "trading",
        TradingArgs(
            context=platform,
            settings=settings.platform,
            limits=settings.limits,
            hosts=hosts,
            secrets=secrets.services,
            secret_keys=secrets.platform_keys,
        ),
        on,
    )
    DataExporters(
        "data-exporters",
        DataExportersArgs(
            context=here,
            hosts=hosts,
            data_context=platform,
            secret=secrets.data["postgres-exporter"],
            tls_mode="require" if settings.platform.external else "disable",
        ),
        on,
    )
if settings.ingress:
    Ingress("ingress", IngressArgs(settings=settings.ingress, routes=ingress_routes(settings, here, platform)), on)

pulumi.export("otlpEndpoint", collector.otlp_endpoint)
pulumi.export("grafanaUrl", settings.grafana.url)
if secrets.grafana:
    pulumi.export("grafanaAdminSecret", secrets.grafana)
