"""The observability and hardening layer of the trading platform, one environment a stack. Read it top down."""

import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from catalog import load_catalog
from components.alertmanager import Alertmanager, AlertmanagerArgs
from components.backend import Store
from components.collector import Collector, CollectorArgs, copies, gateway_configs
from components.data_services import DataServices, DataServicesArgs
from components.exporters import (
    Blackbox,
    BlackboxArgs,
    DataExporters,
    DataExportersArgs,
    KubeStateMetrics,
    KubeStateMetricsArgs,
)
from components.generated_rules import deployed_rules
from components.grafana import Dashboards, DashboardsArgs, Grafana, GrafanaArgs
from components.image_builds import Build, BuildArgs
from components.ingress import Ingress, IngressArgs, doors
from components.inventory import expected, rules_for, running
from components.jaeger import Jaeger, JaegerArgs
from components.loki import Loki, LokiArgs
from components.namespace_context import places
from components.namespaces import Namespaces, NamespacesArgs
from components.network_policies import Network, NetworkArgs
from components.node_agent import NodeAgent, NodeAgentArgs
from components.operator_resources import Monitors, MonitorsArgs
from components.prometheus import Prometheus, PrometheusArgs, store_at
from components.secrets import Secrets, SecretsArgs, alert_files, pull_secrets
from components.trading import Trading, TradingArgs, data_hosts
from image_build.plan import planned
from image_build.registry_access import registry_files
from settings.loader import given_secrets, read_settings

root = Path(__file__).parent
settings, given = read_settings(), given_secrets()
files, contexts = load_catalog(root), planned(settings, root)
config = files.config

cluster = kubernetes.Provider("cluster", context=settings.cluster.context, enable_config_map_mutable=True)
on = ResourceOptions(provider=cluster)

namespaces = Namespaces("namespaces", NamespacesArgs(settings=settings), on)
pulls = pull_secrets(given.get("registryDockerConfig"), namespaces.by_role, on)
built = {}
if contexts:
    access, tell = registry_files(os.environ, Path.home()), settings.platform.source is not None
    built = Build(
        "images", BuildArgs(settings=settings.build, contexts=contexts, root=root, access=access, tell=tell)
    ).references
at = places(settings, namespaces.by_role, pulls, built)
here, platform = at["observability"], at["trading"]
Network("network", NetworkArgs.of(settings, namespaces.by_role, has_alert_receivers=bool(alert_files(given))), on)
secrets = Secrets("secrets", SecretsArgs(observability=here, trading=platform, settings=settings, given=given), on)

loki = Loki(
    "loki", LokiArgs(place=here, settings=settings.loki, config=config["loki/loki.yaml"], secret=secrets.loki), on
)

if settings.traces.endpoint:
    traces = Store(otlp_url=settings.traces.endpoint, query_url=settings.traces.query_url or "")
else:
    traces = Jaeger(
        "jaeger", JaegerArgs(place=here, settings=settings.jaeger, config=config["jaeger/jaeger.yaml"]), on
    ).store

rules = rules_for(running(settings), files.rules, settings.prometheus.runbooks)
generated = deployed_rules(settings.limits, expected(running(settings)))
if settings.prometheus.operator:
    Monitors(
        "monitors",
        MonitorsArgs(
            place=here,
            settings=settings.prometheus,
            rules=rules,
            deployed=generated,
            scraped=at,
            with_platform=settings.trading.enabled,
        ),
        on,
    )
    metrics_url, metrics = settings.prometheus.url or "", [store_at(settings.prometheus.url or "")]
else:
    Alertmanager(
        "alertmanager",
        AlertmanagerArgs(
            place=here,
            settings=settings.alertmanager,
            config=config["alertmanager/alertmanager.yaml"],
            given=alert_files(given),
            secret=secrets.alertmanager,
            url=settings.grafana.url,
        ),
        on,
    )
    KubeStateMetrics("kube-state-metrics", KubeStateMetricsArgs(place=here), on)
    prometheus = Prometheus(
        "prometheus",
        PrometheusArgs(
            place=here,
            settings=settings.prometheus,
            config=config["prometheus/prometheus.yaml"],
            rules=rules,
            deployed=generated,
            scraped=at,
            names=settings.namespaces,
            broker=settings.trading.external.rabbitmq if settings.trading.external else None,
            secret=secrets.prometheus,
        ),
        on,
    )
    metrics_url, metrics = prometheus.url, prometheus.stores

collector = Collector(
    "collector",
    CollectorArgs(
        place=here,
        settings=settings.collector,
        configs=gateway_configs(settings, files.folder("collector"), given),
        logs=loki.store,
        traces=traces,
        metrics=metrics,
        copies=copies(settings),
        platform=platform,
        secret=secrets.gateway,
    ),
    on,
)
if settings.agent.enabled:
    NodeAgent(
        "node-agent",
        NodeAgentArgs(
            place=at["agents"],
            settings=settings.agent,
            config=config["collector/agent.yaml"],
            gateway=collector.otlp_endpoint,
            kubelet_insecure=settings.cluster.kubelet_insecure,
        ),
        on,
    )

Blackbox("blackbox", BlackboxArgs(place=here, config=config["blackbox/blackbox.yaml"]), on)
stores = {"PROMETHEUS_URL": metrics_url, "LOKI_URL": loki.store.query_url, "JAEGER_URL": traces.query_url}
if settings.grafana.existing:
    datasources = config["grafana/datasources.yaml"]
    Dashboards(
        "dashboards",
        DashboardsArgs(place=here, dashboards=files.dashboards, datasources=datasources, stores=stores),
        on,
    )
else:
    Grafana(
        "grafana",
        GrafanaArgs(
            place=here,
            settings=settings.grafana,
            config=files.folder("grafana"),
            dashboards=files.dashboards,
            secret=secrets.grafana,
            stores=stores,
        ),
        on,
    )

if settings.trading.enabled:
    hosts = data_hosts(settings.trading)
    if settings.trading.external is None:
        DataServices(
            "data-services",
            DataServicesArgs(place=platform, secrets=secrets.data, rabbitmq=files.folder("rabbitmq")),
            on,
        )
    Trading(
        "trading",
        TradingArgs(
            place=platform,
            settings=settings.trading,
            limits=settings.limits,
            hosts=hosts,
            secrets=secrets.services,
            given=secrets.of_platform,
        ),
        on,
    )
    DataExporters(
        "data-exporters",
        DataExportersArgs(
            place=here,
            hosts=hosts,
            platform=platform,
            secret=secrets.data["postgres-exporter"],
            tls_mode="require" if settings.trading.external else "disable",
        ),
        on,
    )
if settings.ingress:
    Ingress("ingress", IngressArgs(settings=settings.ingress, doors=doors(settings, here, platform)), on)

pulumi.export("otlpEndpoint", collector.otlp_endpoint)
pulumi.export("grafanaUrl", settings.grafana.url)
if secrets.grafana:
    pulumi.export("grafanaAdminSecret", secrets.grafana)
