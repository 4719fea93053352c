"""The observability and hardening layer of the trading platform, one environment a stack. Read it top down."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from catalog import load_catalog
from components.alertmanager import Alertmanager, AlertmanagerArgs
from components.backend import external_logs, external_traces, log_store
from components.collector import Collector, CollectorArgs
from components.data_services import DataServices, DataServicesArgs
from components.exporters import (
    Blackbox,
    BlackboxArgs,
    DataExporters,
    DataExportersArgs,
    KubeStateMetrics,
    KubeStateMetricsArgs,
)
from components.grafana import Dashboards, DashboardsArgs, Grafana, GrafanaArgs
from components.image_builds import build_images
from components.image_digests import resolve_tags
from components.ingress import Ingress, IngressArgs
from components.jaeger import Jaeger, JaegerArgs
from components.loki import Loki, LokiArgs
from components.namespace_context import namespace_contexts
from components.namespaces import Namespaces, NamespacesArgs
from components.network_policies import NetworkPolicies, NetworkPoliciesArgs
from components.node_agent import NodeAgent, NodeAgentArgs
from components.operator_resources import OperatorResources, OperatorResourcesArgs
from components.prometheus import Prometheus, PrometheusArgs
from components.secrets import Secrets, SecretsArgs
from components.stack_inputs import StackInputs
from components.trading import Trading, TradingArgs
from components.victorialogs import VictoriaLogs, VictoriaLogsArgs
from image_build.plan import plan_builds
from settings.cluster_access import check_cluster
from settings.loader import configured_secrets, read_settings

# Everything that can be wrong is found here, before any resource exists.
root = Path(__file__).parent
settings, configured = read_settings(), configured_secrets()
catalog, builds = load_catalog(root, log_store(settings)), plan_builds(settings, root)
check_cluster(settings)
digests = resolve_tags(settings, builds, configured.get("registryDockerConfig"))

cluster = kubernetes.Provider("cluster", context=settings.cluster.context, enable_config_map_mutable=True)
on = ResourceOptions(provider=cluster)

namespaces = Namespaces("namespaces", NamespacesArgs(settings=settings), on).by_role
contexts = namespace_contexts(settings, namespaces, configured.get("registryDockerConfig"), on)
NetworkPolicies("network", NetworkPoliciesArgs.of(settings, namespaces, configured), on)
secrets = Secrets("secrets", SecretsArgs(contexts=contexts, settings=settings, configured=configured), on)
images = build_images(settings, builds, root, digests)
stack = StackInputs(settings=settings, catalog=catalog, contexts=contexts, images=images, secrets=secrets)

# Backends: where logs, traces and metrics end.
if settings.logs.backend == "victorialogs":
    logs = VictoriaLogs("victorialogs", VictoriaLogsArgs.of(stack), on).backend
else:
    logs = external_logs(settings) or Loki("loki", LokiArgs.of(stack), on).backend
traces = external_traces(settings) or Jaeger("jaeger", JaegerArgs.of(stack), on).backend
if settings.prometheus.operator:
    metrics = OperatorResources("monitors", OperatorResourcesArgs.of(stack), on).metrics
else:
    Alertmanager("alertmanager", AlertmanagerArgs.of(stack, configured), on)
    KubeStateMetrics("kube-state-metrics", KubeStateMetricsArgs.of(stack), on)
    metrics = Prometheus("prometheus", PrometheusArgs.of(stack), on).metrics

# The pipeline: agents on the nodes, and the gateway that everything passes.
collector = Collector("collector", CollectorArgs.of(stack, configured, logs, traces, metrics), on)
if settings.agent.enabled:
    NodeAgent("node-agent", NodeAgentArgs.of(stack, collector.otlp_endpoint), on)
Blackbox("blackbox", BlackboxArgs.of(stack), on)

# What people look at.
if settings.grafana.existing:
    Dashboards("dashboards", DashboardsArgs.of(stack, logs, traces, metrics), on)
else:
    Grafana("grafana", GrafanaArgs.of(stack, logs, traces, metrics), on)

# The platform's services, observed.
if settings.platform.enabled:
    if settings.platform.external is None:
        DataServices("data-services", DataServicesArgs.of(stack), on)
    Trading("trading", TradingArgs.of(stack), on)
    DataExporters("data-exporters", DataExportersArgs.of(stack), on)
if settings.ingress:
    Ingress("ingress", IngressArgs.of(stack, settings.ingress), on)

pulumi.export("otlpEndpoint", collector.otlp_endpoint)
pulumi.export("grafanaUrl", settings.grafana.url)
if digests:
    pulumi.export("imageDigests", digests)
if "grafana" in secrets.workloads:
    pulumi.export("grafanaAdminSecret", secrets.workloads["grafana"])
for output, key in (("apiToken", "apiToken"), ("opsUiPassword", "opsUiPasswordHash")):
    if key in secrets.generated:
        pulumi.export(output, pulumi.Output.secret(secrets.generated[key]))
