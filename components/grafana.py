"""Grafana with provisioned data sources and dashboards. It keeps nothing of its own: a new pod is the same Grafana."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
from pulumi import Input, ResourceOptions

from components.backend import MetricsBackend, TelemetryBackend, log_store, query_urls
from components.namespace_context import NamespaceContext
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume, mutable_config_map, projected_volume, secret_volume
from components.workload import Probes, Workload, WorkloadArgs
from settings.model import Grafana as GrafanaSettings

SECRETS = "/etc/grafana/secrets"
IMAGE_PLUGINS = "/usr/share/grafana/plugins"
"""Where an image of the user's own has plugins: the folder that upstream uses is below a volume here, which hides it."""


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """``config`` is the folder of that name, ``dashboards`` maps names to their JSON.

    ``secret`` names the Secret with the administrator's password; ``query_urls`` are the variables that the data sources expand
    (``PROMETHEUS_URL``, ``LOGS_URL``, …). ``image_plugins`` says that the image has plugins in ``IMAGE_PLUGINS``.
    """

    context: NamespaceContext
    settings: GrafanaSettings
    image: Input[str]
    config: Mapping[str, str]
    dashboards: Mapping[str, str]
    secret: Input[str] | None
    query_urls: Mapping[str, Input[str]]
    image_plugins: bool = False

    @staticmethod
    def of(
        stack: StackInputs, logs: TelemetryBackend, traces: TelemetryBackend, metrics: MetricsBackend
    ) -> "GrafanaArgs":
        """What the component needs of the stack."""
        return GrafanaArgs(
            context=stack.observability,
            settings=stack.settings.grafana,
            image=stack.images["grafana"],
            config=stack.catalog.folder("grafana"),
            dashboards=stack.catalog.dashboards,
            secret=stack.secrets.workloads.get("grafana"),
            query_urls=query_urls(logs, traces, metrics),
            image_plugins=log_store(stack.settings) == "victorialogs" and "grafana" in stack.settings.images,
        )


class Grafana(pulumi.ComponentResource):
    url: str
    """Where people open it."""

    def __init__(self, name: str, args: GrafanaArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Grafana", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings = args.context, args.settings
        dashboards = dashboard_maps(args.dashboards, context, child)
        config = {
            "grafana.ini": args.config["grafana.ini"],
            "provisioning/datasources/datasources.yaml": args.config["datasources.yaml"],
            "provisioning/dashboards/dashboards.yaml": args.config["dashboards.yaml"],
        }
        Workload(
            "grafana",
            WorkloadArgs(
                context=context,
                image=args.image,
                cpu=settings.cpu,
                memory=settings.memory,
                env={
                    "GF_PATHS_CONFIG": "/etc/grafana/config/grafana.ini",
                    "GF_PATHS_PROVISIONING": "/etc/grafana/config/provisioning",
                    "GF_SERVER_ROOT_URL": settings.url,
                    "GF_SERVER_DOMAIN": urlsplit(settings.url).hostname or "",
                    **_cookies(settings.url),
                    "GF_SECURITY_ADMIN_PASSWORD__FILE": f"{SECRETS}/admin-password",
                    "GF_SECURITY_SECRET_KEY__FILE": f"{SECRETS}/secret-key",
                    **({"GF_PATHS_PLUGINS": IMAGE_PLUGINS} if args.image_plugins else {}),
                    **args.query_urls,
                },
                ports={"http-metrics": 3000},
                probes=Probes(port="http-metrics", liveness_path="/healthz", readiness_path="/api/health"),
                mounts={
                    "/etc/grafana/config": immutable_config_volume("grafana", config, context, child),
                    "/etc/grafana/dashboards": projected_volume("dashboards", dashboards),
                    **({SECRETS: secret_volume("secrets", args.secret)} if args.secret else {}),
                },
                empty_dirs={"/var/lib/grafana": "256Mi", "/tmp": "64Mi"},
            ),
            child,
        )
        self.url = settings.url
        self.register_outputs({"url": self.url})


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    """``datasources`` is Grafana's provisioning file, whose variables ``query_urls`` fills in."""

    context: NamespaceContext
    dashboards: Mapping[str, str]
    datasources: str
    query_urls: Mapping[str, Input[str]]

    @staticmethod
    def of(
        stack: StackInputs, logs: TelemetryBackend, traces: TelemetryBackend, metrics: MetricsBackend
    ) -> "DashboardsArgs":
        """What the component needs of the stack."""
        return DashboardsArgs(
            context=stack.observability,
            dashboards=stack.catalog.dashboards,
            datasources=stack.config["grafana/datasources.yaml"],
            query_urls=query_urls(logs, traces, metrics),
        )


class Dashboards(pulumi.ComponentResource):
    """For a Grafana that is there: ConfigMaps with the labels by which its sidecar finds dashboards and data sources."""

    def __init__(self, name: str, args: DashboardsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Dashboards", name, {}, opts)
        child = ResourceOptions(parent=self)
        dashboard_maps(args.dashboards, args.context, child)
        filled = pulumi.Output.all(**args.query_urls).apply(lambda urls: expanded(args.datasources, urls))
        data = {"atlas.yaml": filled}
        mutable_config_map("grafana-datasources", "grafana", data, args.context, child, grafana_datasource="1")
        self.register_outputs({})


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """``text`` with ``${NAME}`` of these variables filled in; whatever else has a ``$`` is Grafana's own."""
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def dashboard_maps(dashboards: Mapping[str, str], context: NamespaceContext, opts: ResourceOptions) -> list[Input[str]]:
    """A ConfigMap a dashboard, found by its label; the names of all."""
    return [
        mutable_config_map(
            f"dashboard-{dashboard}", "grafana", {f"{dashboard}.json": text}, context, opts, grafana_dashboard="1"
        )
        for dashboard, text in dashboards.items()
    ]


def _cookies(url: str) -> dict[str, str]:
    """Over plain http a browser takes neither a secure cookie nor one with the prefix that ``grafana.ini`` gives it."""
    if url.startswith("https://"):
        return {}
    return {"GF_SECURITY_COOKIE_SECURE": "false", "GF_AUTH_LOGIN_COOKIE_NAME": "grafana_session"}
