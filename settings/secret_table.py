"""Every secret of a stack, one entry each: what it is, who reads it, and how it gets there.

Secrets are flat keys of the stack's configuration, set with ``--secret``. They are never part of ``Settings``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

SecretKind = Literal["password", "url", "token", "pem", "docker config", "bcrypt hash"]


@dataclass(frozen=True, kw_only=True)
class SecretSpec:
    """One secret, by its key in the stack's configuration.

    ``mounted_by`` maps workloads of ours to the file in which they find it. ``services`` are the platform's services that read it
    from ``variable``, or with ``as_file`` from the file that the variable names; so do all that use ``data_service``. ``variable``
    is its name in ``conf/secrets.env`` as well.

    ``generated`` is the resource that makes a value where none is configured; of a bcrypt hash it makes the password. ``setting``
    is the address that it is for: without one it has no effect. ``required_by`` is a setting that cannot be without it. By a
    ``receiver`` people hear of alerts.
    """

    kind: SecretKind
    description: str
    mounted_by: Mapping[str, str] = field(default_factory=dict[str, str])
    services: tuple[str, ...] = ()
    data_service: str | None = None
    variable: str | None = None
    as_file: bool = False
    generated: str | None = None
    min_length: int = 16
    setting: str | None = None
    required_by: str | None = None
    receiver: bool = False


SECRETS: Mapping[str, SecretSpec] = {
    "grafanaAdminPassword": SecretSpec(
        kind="password",
        description="Grafana's administrator; generated where not given",
        mounted_by={"grafana": "admin-password"},
        generated="grafana-admin-password",
    ),
    "grafanaSecretKey": SecretSpec(
        kind="password",
        description="encrypts what Grafana stores; generated where not given",
        mounted_by={"grafana": "secret-key"},
        generated="grafana-secret-key",
    ),
    "slackWebhookUrl": SecretSpec(
        kind="url",
        description="alerts to Slack",
        mounted_by={"alertmanager": "slack-url"},
        variable="SLACK_WEBHOOK_URL",
        receiver=True,
    ),
    "teamsWebhookUrl": SecretSpec(
        kind="url",
        description="alerts to Microsoft Teams",
        mounted_by={"alertmanager": "teams-url"},
        services=("ops-bot",),
        variable="TEAMS_WEBHOOK_URL",
        receiver=True,
    ),
    "pagerdutyRoutingKey": SecretSpec(
        kind="token",
        description="pages of production",
        mounted_by={"alertmanager": "pagerduty-key"},
        receiver=True,
    ),
    "alertWebhookUrl": SecretSpec(
        kind="url",
        description="alerts to a webhook of your own",
        mounted_by={"alertmanager": "webhook-url"},
        variable="ALERT_WEBHOOK_URL",
        receiver=True,
    ),
    "deadMansSwitchUrl": SecretSpec(
        kind="url",
        description="a heartbeat monitor that calls when the Watchdog falls silent",
        mounted_by={"alertmanager": "deadman-url"},
        variable="DEAD_MANS_SWITCH_URL",
    ),
    "tracesToken": SecretSpec(
        kind="token",
        description="bearer token of traces.endpoint",
        mounted_by={"otel-collector": "traces-token"},
        setting="traces.endpoint",
    ),
    "logsToken": SecretSpec(
        kind="token",
        description="bearer token of logs.otlpEndpoint",
        mounted_by={"otel-collector": "logs-token"},
        setting="logs.otlpEndpoint",
    ),
    "elasticsearchApiKey": SecretSpec(
        kind="token",
        description="API key of logs.elasticsearch, encoded as it hands it out",
        mounted_by={"otel-collector": "elasticsearch-key"},
        setting="logs.elasticsearch",
    ),
    "remoteWriteToken": SecretSpec(
        kind="token",
        description="bearer token of prometheus.remoteWrite",
        mounted_by={"prometheus": "remote-write-token"},
        setting="prometheus.remoteWrite",
    ),
    "objectStorageAccessKey": SecretSpec(
        kind="token",
        description="access key of loki.objectStorage",
        mounted_by={"loki": "access-key"},
        setting="loki.objectStorage",
    ),
    "objectStorageSecretKey": SecretSpec(
        kind="token",
        description="secret key of loki.objectStorage",
        mounted_by={"loki": "secret-key"},
        setting="loki.objectStorage",
    ),
    "registryDockerConfig": SecretSpec(
        kind="docker config", description="credentials of a private registry, as in a config.json of Docker"
    ),
    "postgresPassword": SecretSpec(
        kind="password",
        description="PostgreSQL's user atlas; generated where the database runs here",
        mounted_by={"db": "password", "postgres-exporter": "password"},
        data_service="db",
        variable="POSTGRES_PASSWORD",
        generated="postgres-password",
        required_by="platform.external",
    ),
    "rabbitmqPassword": SecretSpec(
        kind="password",
        description="RabbitMQ's user atlas; generated where the broker runs here",
        mounted_by={"rabbitmq": "password"},
        data_service="rabbitmq",
        variable="RABBITMQ_PASSWORD",
        generated="rabbitmq-password",
        required_by="platform.external",
    ),
    "nextauthSecret": SecretSpec(
        kind="password",
        description="signs ops-ui's sessions, at least 32 characters; generated where not given",
        services=("ops-ui",),
        variable="NEXTAUTH_SECRET",
        generated="nextauth-secret",
        min_length=32,
    ),
    "apiToken": SecretSpec(
        kind="password",
        description="what clients of the api show as a bearer token, at least 32 characters; generated where not given",
        services=("api",),
        variable="API_TOKEN",
        generated="api-token",
        min_length=32,
    ),
    "opsUiToken": SecretSpec(
        kind="password",
        description="what ops-ui shows the api, which takes its word for who asks, at least 32 characters; else generated",
        services=("api", "ops-ui"),
        variable="OPS_UI_TOKEN",
        generated="ops-ui-token",
        min_length=32,
    ),
    "opsUiPasswordHash": SecretSpec(
        kind="bcrypt hash",
        description="the password of platform.operator, hashed (htpasswd -nBC 12 NAME); generated where no ingress leads to ops-ui",
        services=("ops-ui",),
        variable="OPS_UI_PASSWORD_HASH",
        generated="ops-ui-password",
    ),
    "coinbaseApiKey": SecretSpec(
        kind="token",
        description="the exchange's API key",
        services=("api", "workers"),
        variable="COINBASE_API_KEY",
        required_by="platform.live",
    ),
    "coinbaseApiSecret": SecretSpec(
        kind="pem",
        description="the exchange's private key",
        services=("api", "workers"),
        variable="COINBASE_API_SECRET_FILE",
        as_file=True,
        required_by="platform.live",
    ),
    "coinbasePassphrase": SecretSpec(
        kind="token",
        description="the exchange's passphrase",
        services=("api", "workers"),
        variable="COINBASE_PASSPHRASE",
    ),
    "slackBotToken": SecretSpec(
        kind="token", description="ops-bot's bot token in Slack", services=("ops-bot",), variable="SLACK_BOT_TOKEN"
    ),
    "slackAppToken": SecretSpec(
        kind="token", description="ops-bot's app token in Slack", services=("ops-bot",), variable="SLACK_APP_TOKEN"
    ),
    "slackSigningSecret": SecretSpec(
        kind="token",
        description="by which ops-bot knows requests of Slack",
        services=("ops-bot",),
        variable="SLACK_SIGNING_SECRET",
    ),
}

RECEIVERS = tuple(key for key, each in SECRETS.items() if each.receiver)
"""By which people hear of alerts; production needs one at least."""
ALERT_FILES: Mapping[str, str] = {
    each.mounted_by["alertmanager"]: key for key, each in SECRETS.items() if "alertmanager" in each.mounted_by
}
"""The files that Alertmanager's configuration names, to secret keys."""


def alert_files(configured_secrets: Collection[str]) -> list[str]:
    """The files of ``ALERT_FILES`` whose secret is configured."""
    return [file for file, key in ALERT_FILES.items() if key in configured_secrets]
