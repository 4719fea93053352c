"""Every secret of the stack: given as encrypted configuration, or generated. Other components see the *names* of Secrets only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Secret
from pulumi_random import RandomPassword

from components.namespace_context import NamespaceContext
from components.platform_services import SERVICES
from settings.model import SECRET_KEYS, Settings

ALERT_FILES = {
    "slack-url": "slackWebhookUrl",
    "teams-url": "teamsWebhookUrl",
    "pagerduty-key": "pagerdutyRoutingKey",
    "webhook-url": "alertWebhookUrl",
    "deadman-url": "deadMansSwitchUrl",
}
"""The files that Alertmanager's configuration names, by secret key."""


GENERATED = {
    "postgresPassword": "postgres-password",
    "rabbitmqPassword": "rabbitmq-password",
    "nextauthSecret": "nextauth-secret",
}
"""Of the platform, made where they are not given."""


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """``given`` maps secret keys to values; what is not given and can be is generated."""

    observability: NamespaceContext
    trading: NamespaceContext
    settings: Settings
    configured_secrets: Mapping[str, Input[str]]


class Secrets(pulumi.ComponentResource):
    """One immutable, auto-named Secret a consumer: a new value is a new Secret, which rolls that consumer's pods alone."""

    grafana: Output[str] | None = None
    """With ``admin-password`` and ``secret-key``; none where Grafana is not ours."""
    alertmanager: Output[str] | None = None
    """With the files of ``ALERT_FILES`` that are given."""
    gateway: Output[str] | None = None
    """With ``traces-token`` and ``logs-token``, as far as given."""
    prometheus: Output[str] | None = None
    """With ``remote-write-token``."""
    loki: Output[str] | None = None
    """With ``access-key`` and ``secret-key``."""
    services: dict[str, Output[str]]
    """By service, with its secret keys as far as given or generated."""
    platform_keys: frozenset[str] = frozenset()
    """The secret keys that there are for the platform's services."""
    data: dict[str, Output[str]]
    """By data service and exporter, with ``password``."""

    def __init__(self, name: str, args: SecretsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Secrets", name, {}, opts)
        child = ResourceOptions(parent=self)
        configured = args.configured_secrets

        def generated(resource_name: str, length: int = 40) -> Output[str]:
            keepers = {"rotation": args.settings.rotation}
            return RandomPassword(resource_name, length=length, special=False, keepers=keepers, opts=child).result

        def secret(
            consumer: str, context: NamespaceContext, data: Mapping[str, Input[str]], resource_name: str = ""
        ) -> Output[str]:
            created = Secret(
                resource_name or consumer,
                metadata={"namespace": context.namespace, "labels": context.labels(consumer)},
                immutable=True,
                string_data=dict(data),
                opts=child,
            )
            return created.metadata["name"].apply(str)

        def from_configured(consumer: str, files: Mapping[str, str]) -> Output[str] | None:
            data = {file: configured[key] for file, key in files.items() if key in configured}
            return secret(consumer, args.observability, data) if data else None

        if not args.settings.grafana.existing:
            self.grafana = secret(
                "grafana",
                args.observability,
                {
                    "admin-password": configured.get("grafanaAdminPassword") or generated("grafana-admin-password"),
                    "secret-key": generated("grafana-secret-key"),
                },
            )
        self.alertmanager = from_configured("alertmanager", alert_files(configured))
        self.gateway = from_configured(
            "otel-collector",
            {"traces-token": "tracesToken", "logs-token": "logsToken", "elasticsearch-key": "elasticsearchApiKey"},
        )
        self.prometheus = from_configured("prometheus", {"remote-write-token": "remoteWriteToken"})
        self.loki = from_configured(
            "loki", {"access-key": "objectStorageAccessKey", "secret-key": "objectStorageSecretKey"}
        )
        self.services, self.data = {}, {}
        if args.settings.platform.enabled:
            values: dict[str, Input[str]] = {key: configured[key] for key in SECRET_KEYS if key in configured}
            for key, resource_name in GENERATED.items():
                if key not in values:
                    values[key] = generated(resource_name)
            self.platform_keys = frozenset(values)
            for service, entry in SERVICES.items():
                keys = sorted({key for key in (*entry.secrets.values(), *entry.files.values()) if key in values})
                if keys:
                    self.services[service] = secret(service, args.trading, {key: values[key] for key in keys})
            self.data = {
                "db": secret("db", args.trading, {"password": values["postgresPassword"]}),
                "rabbitmq": secret("rabbitmq", args.trading, {"password": values["rabbitmqPassword"]}),
                "postgres-exporter": secret(
                    "postgres-exporter", args.observability, {"password": values["postgresPassword"]}
                ),
            }
        self.register_outputs({})


def alert_files(configured_secrets: Collection[str]) -> dict[str, str]:
    """The files of ``ALERT_FILES`` whose secret is given."""
    return {file: key for file, key in ALERT_FILES.items() if key in configured_secrets}


def pull_secrets(
    config: Input[str] | None, namespaces: Mapping[str, Input[str]], opts: ResourceOptions
) -> dict[str, Output[str]]:
    """The Secret with which each namespace pulls its images, by the namespace's role; none where the registry is open."""
    if config is None:
        return {}
    created = {
        role: Secret(
            f"{role}-registry",
            metadata={"namespace": namespace, "labels": {"app.kubernetes.io/part-of": "atlas"}},
            type="kubernetes.io/dockerconfigjson",
            immutable=True,
            string_data={".dockerconfigjson": config},
            opts=opts,
        )
        for role, namespace in namespaces.items()
    }
    return {role: each.metadata["name"].apply(str) for role, each in created.items()}
