"""Grafana with provisioned data sources and dashboards. It keeps nothing of its own: a new pod is the same Grafana."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
from pulumi import Input, ResourceOptions

from components.files import merged, read_once, reloaded, secret_files
from components.place import Place
from components.settings import Grafana as GrafanaSettings
from components.workload import Probes, Workload, WorkloadArgs

SECRETS = "/etc/grafana/secrets"


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """``dashboards`` maps dashboard names to their JSON; ``secret`` names the Secret with the administrator's password."""

    place: Place
    image: str
    settings: GrafanaSettings
    ini: str
    datasources: str
    providers: str
    dashboards: Mapping[str, str]
    secret: Input[str]
    prometheus_url: Input[str]
    loki_url: Input[str]
    jaeger_url: Input[str]


class Grafana(pulumi.ComponentResource):
    url: str

    def __init__(self, name: str, args: GrafanaArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Grafana", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        dashboards = [
            reloaded(f"dashboard-{called}", "grafana", {f"{called}.json": text}, place, child, grafana_dashboard="1")
            for called, text in args.dashboards.items()
        ]
        config = {
            "grafana.ini": args.ini,
            "provisioning/datasources/datasources.yaml": args.datasources,
            "provisioning/dashboards/dashboards.yaml": args.providers,
        }
        Workload(
            "grafana",
            WorkloadArgs(
                place=place,
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
                    "PROMETHEUS_URL": args.prometheus_url,
                    "LOKI_URL": args.loki_url,
                    "JAEGER_URL": args.jaeger_url,
                },
                ports={"http-metrics": 3000},
                probes=Probes(port="http-metrics", alive="/healthz", ready="/api/health"),
                mounts={
                    "/etc/grafana/config": read_once("grafana", config, place, child),
                    "/etc/grafana/dashboards": merged("dashboards", dashboards),
                    SECRETS: secret_files("secrets", args.secret),
                },
                scratch={"/var/lib/grafana": "256Mi", "/tmp": "64Mi"},
            ),
            child,
        )
        self.url = settings.url
        self.register_outputs({"url": self.url})


def _cookies(url: str) -> dict[str, str]:
    """Over plain http a browser takes neither a secure cookie nor one with the prefix that ``grafana.ini`` gives it."""
    if url.startswith("https://"):
        return {}
    return {"GF_SECURITY_COOKIE_SECURE": "false", "GF_AUTH_LOGIN_COOKIE_NAME": "grafana_session"}
