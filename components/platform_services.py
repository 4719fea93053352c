"""The platform's own services: one entry each. Sizes are defaults; settings change them by name.

Ports, paths and variables are those of the platform as it is; 9464 is where the images' instrumentation serves metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

INSTRUMENTATION_PORT = 9464


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """``port`` is where it serves people or other services; ``health`` is a path there, or where it has none, of its metrics.

    ``calls`` names services, and ``data`` the data services, that it opens connections to. ``secrets`` maps variables to secret
    keys whose values its code reads from the environment, ``files`` those that it reads from a file which the variable names.
    ``why_internet`` says what it needs outside the cluster.
    """

    port: int | None = None
    metrics_port: int = INSTRUMENTATION_PORT
    health_path: str
    replicas: int = 1
    cpu: str = "100m"
    memory: str = "256Mi"
    depends_on: tuple[str, ...] = ()
    data_services: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    internet_egress_reason: str | None = None

    @property
    def ports(self) -> dict[str, int]:
        """By name; a port called ``metrics`` is scraped."""
        return ({"http": self.port} if self.port else {}) | {"metrics": self.metrics_port}


_KEY_FILE = {"COINBASE_API_SECRET_FILE": "coinbaseApiSecret"}
_EXCHANGE = {
    "COINBASE_API_KEY": "coinbaseApiKey",
    "COINBASE_PASSPHRASE": "coinbasePassphrase",
}

SERVICES: Mapping[str, ServiceSpec] = {
    "api": ServiceSpec(
        port=8000,
        health_path="/healthz",
        replicas=2,
        depends_on=("workers",),
        data_services=("db", "cache", "rabbitmq"),
        secrets={"POSTGRES_PASSWORD": "postgresPassword", "RABBITMQ_PASSWORD": "rabbitmqPassword", **_EXCHANGE},
        files=_KEY_FILE,
        internet_egress_reason="the exchange's API",
    ),
    "ops-ui": ServiceSpec(
        port=3000,
        health_path="/",
        depends_on=("api", "workers"),
        secrets={"NEXTAUTH_SECRET": "nextauthSecret"},
    ),
    "workers": ServiceSpec(
        metrics_port=9108,
        health_path="/metrics",
        cpu="200m",
        memory="512Mi",
        data_services=("db", "cache", "rabbitmq"),
        secrets={"POSTGRES_PASSWORD": "postgresPassword", "RABBITMQ_PASSWORD": "rabbitmqPassword", **_EXCHANGE},
        files=_KEY_FILE,
        internet_egress_reason="the exchange's market data and orders",
    ),
    "ops-bot": ServiceSpec(
        port=8080,
        health_path="/healthz",
        memory="128Mi",
        depends_on=("workers",),
        data_services=("cache", "rabbitmq"),
        secrets={
            "RABBITMQ_PASSWORD": "rabbitmqPassword",
            "SLACK_BOT_TOKEN": "slackBotToken",
            "SLACK_APP_TOKEN": "slackAppToken",
            "SLACK_SIGNING_SECRET": "slackSigningSecret",
            "TEAMS_WEBHOOK_URL": "teamsWebhookUrl",
        },
        internet_egress_reason="Slack and Teams",
    ),
    # Runs to its end, as a Job: what it serves and how it is asked for its health does not matter.
    "backtester": ServiceSpec(health_path="/metrics", cpu="500m", memory="1Gi"),
}

JOBS = ("backtester",)
DEPLOYMENTS = tuple(name for name in SERVICES if name not in JOBS)

DATA_PORTS: Mapping[str, int] = {"db": 5432, "cache": 6379, "rabbitmq": 5672}
"""The data services by the names under which the platform's code looks them up."""
