"""The platform's own services: one entry each. Sizes are defaults; settings change them by name.

Ports, paths and variables are those of the platform as it is; 9464 is where the images' instrumentation serves metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

INSTRUMENTATION = 9464


@dataclass(frozen=True, kw_only=True)
class Service:
    """``port`` is where it serves people or other services; ``health`` is a path there, or where it has none, of its metrics.

    ``calls`` names services, and ``data`` the data services, that it opens connections to. ``secrets`` maps variables to secret
    keys whose values its code reads from the environment, ``files`` those that it reads from a file which the variable names.
    ``why_internet`` says what it needs outside the cluster.
    """

    port: int | None = None
    metrics: int = INSTRUMENTATION
    health: str
    replicas: int = 1
    cpu: str = "100m"
    memory: str = "256Mi"
    calls: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    why_internet: str | None = None

    @property
    def ports(self) -> dict[str, int]:
        """By name; a port called ``metrics`` is scraped."""
        return ({"http": self.port} if self.port else {}) | {"metrics": self.metrics}


_KEY_FILE = {"COINBASE_API_SECRET_FILE": "coinbaseApiSecret"}
_EXCHANGE = {
    "COINBASE_API_KEY": "coinbaseApiKey",
    "COINBASE_PASSPHRASE": "coinbasePassphrase",
}

SERVICES: Mapping[str, Service] = {
    "api": Service(
        port=8000,
        health="/healthz",
        replicas=2,
        calls=("workers",),
        data=("db", "cache", "rabbitmq"),
        secrets={"POSTGRES_PASSWORD": "postgresPassword", "RABBITMQ_PASSWORD": "rabbitmqPassword", **_EXCHANGE},
        files=_KEY_FILE,
        why_internet="the exchange's API",
    ),
    "ops-ui": Service(
        port=3000,
        health="/",
        calls=("api", "workers"),
        secrets={"NEXTAUTH_SECRET": "nextauthSecret"},
    ),
    "workers": Service(
        metrics=9108,
        health="/metrics",
        cpu="200m",
        memory="512Mi",
        data=("db", "cache", "rabbitmq"),
        secrets={"POSTGRES_PASSWORD": "postgresPassword", "RABBITMQ_PASSWORD": "rabbitmqPassword", **_EXCHANGE},
        files=_KEY_FILE,
        why_internet="the exchange's market data and orders",
    ),
    "ops-bot": Service(
        port=8080,
        health="/healthz",
        memory="128Mi",
        calls=("workers",),
        data=("cache", "rabbitmq"),
        secrets={
            "RABBITMQ_PASSWORD": "rabbitmqPassword",
            "SLACK_BOT_TOKEN": "slackBotToken",
            "SLACK_APP_TOKEN": "slackAppToken",
            "SLACK_SIGNING_SECRET": "slackSigningSecret",
            "TEAMS_WEBHOOK_URL": "teamsWebhookUrl",
        },
        why_internet="Slack and Teams",
    ),
    # Runs to its end, as a Job: what it serves and how it is asked for its health does not matter.
    "backtester": Service(health="/metrics", cpu="500m", memory="1Gi"),
}

JOBS = ("backtester",)
LONG_RUNNING = tuple(name for name in SERVICES if name not in JOBS)

DATA_PORTS: Mapping[str, int] = {"db": 5432, "cache": 6379, "rabbitmq": 5672}
"""The data services by the names under which the platform's code looks them up."""
