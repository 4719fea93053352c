"""The observability and hardening layer of the trading platform, one environment a stack. Read it top down."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from components.catalog import load_catalog
from components.collector import Collector, CollectorArgs
from components.configuration import given_secret, read_settings
from components.grafana import Grafana, GrafanaArgs
from components.image import Images
from components.jaeger import Jaeger, JaegerArgs
from components.loki import Loki, LokiArgs
from components.namespaces import Namespaces, NamespacesArgs
from components.network import Network, NetworkArgs
from components.place import Place
from components.prometheus import Prometheus, PrometheusArgs
from components.secrets import Secrets, SecretsArgs

settings = read_settings()
images = Images(overrides=settings.images)
files = load_catalog(Path(__file__).parent)

cluster = kubernetes.Provider("cluster", context=settings.cluster.context, enable_config_map_mutable=True)
on = ResourceOptions(provider=cluster)

namespaces = Namespaces("namespaces", NamespacesArgs(environment=settings.environment), on)
every = {"observability": namespaces.observability, "trading": namespaces.trading}
here = Place.of(settings, namespaces.observability)
Network(
    "network",
    NetworkArgs(
        namespaces=every, api_server=settings.cluster.api_server, api_server_port=settings.cluster.api_server_port
    ),
    on,
)

password = given_secret("grafanaAdminPassword")
secrets = Secrets("secrets", SecretsArgs(place=here, rotation=settings.rotation, grafana_admin_password=password), on)

loki = Loki("loki", LokiArgs(place=here, image=images["loki"], settings=settings.loki, config=files.loki), on)
jaeger = Jaeger(
    "jaeger", JaegerArgs(place=here, image=images["jaeger"], settings=settings.jaeger, config=files.jaeger), on
)
prometheus = Prometheus(
    "prometheus",
    PrometheusArgs(
        place=here,
        image=images["prometheus"],
        settings=settings.prometheus,
        config=files.prometheus,
        rules=files.rules,
        limits=settings.limits,
        scraped=every,
    ),
    on,
)
collector = Collector(
    "collector",
    CollectorArgs(
        place=here,
        image=images["otel-collector"],
        settings=settings.collector,
        config=files.collector,
        logs_endpoint=loki.otlp_url,
        traces_endpoint=jaeger.otlp_url,
        metrics_endpoint=prometheus.otlp_url,
        reachable_from={"trading": namespaces.trading},
    ),
    on,
)
grafana = Grafana(
    "grafana",
    GrafanaArgs(
        place=here,
        image=images["grafana"],
        settings=settings.grafana,
        ini=files.grafana,
        datasources=files.datasources,
        providers=files.providers,
        dashboards=files.dashboards,
        secret=secrets.grafana,
        prometheus_url=prometheus.url,
        loki_url=loki.url,
        jaeger_url=jaeger.query_url,
    ),
    on,
)

pulumi.export("otlpEndpoint", collector.otlp_endpoint)
pulumi.export("grafanaUrl", grafana.url)
pulumi.export("grafanaAdminSecret", secrets.grafana)
