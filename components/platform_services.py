"""The platform's own services: one entry each. Image, workload, network flows, scraping, probe and alerts follow from it.

Ports, paths and variables are those of the platform as it is; 9464 is where the images' instrumentation serves metrics. Sizes are
defaults, which settings change by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from image_build.recipes import Recipe
from settings.model import Limits, Platform, ServiceSettings
from settings.secret_table import SECRETS, SecretSpec
from settings.units import format_number

INSTRUMENTATION_PORT = 9464


@dataclass(frozen=True, kw_only=True)
class EnvironmentInputs:
    """What the variables of a service are made from."""

    settings: Platform
    limits: Limits

    def url(self, service: str) -> str:
        """Where another service of the platform is reached inside the cluster."""
        return f"http://{service}:{SERVICES[service].port}"

    def public_url(self, service: str) -> str:
        """Where people or clients open a service; empty where nobody does."""
        return public_url(service, self.settings) or ""


def _no_variables(inputs: EnvironmentInputs) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One service of the platform.

    ``recipe`` says what its image is made of. ``port`` is where it serves people or other services, and ``health_path`` is a path
    there, or where it has no port, at ``metrics_port``. It reads its port from ``port_variable``. ``environment`` gives the
    variables that are its own; those that every service has are in ``trading.py``.

    ``replicas`` are the pods where the settings do not say, and the fewest that production takes. ``depends_on`` names the
    services, and ``data_services`` the data services, that it opens connections to: network flows, host names and passwords
    follow from them. ``internet_egress_reason`` says what it needs outside the cluster.

    ``public_url_setting`` is the field of ``Platform`` that holds its public URL; any other service with a port gets one by
    ``platform.services.<name>.url``. A service with either is public: where its probe fails, the alert is critical. ``slo`` is
    the share of its HTTP requests that must not end in a 5xx, from above 0 to below 1. Of a ``singleton`` two pods would act twice
    on every event. A ``job`` runs to its end, on the platform's backtest schedule.
    """

    recipe: Recipe
    port: int | None = None
    port_variable: str = "PORT"
    metrics_port: int = INSTRUMENTATION_PORT
    health_path: str = "/metrics"
    replicas: int = 1
    cpu: str = "100m"
    memory: str = "256Mi"
    environment: Callable[[EnvironmentInputs], Mapping[str, str]] = _no_variables
    depends_on: tuple[str, ...] = ()
    data_services: tuple[str, ...] = ()
    internet_egress_reason: str | None = None
    public_url_setting: str | None = None
    slo: float | None = None
    singleton: bool = False
    job: bool = False

    def __post_init__(self) -> None:
        if self.slo is not None and not 0 < self.slo < 1:
            raise ValueError(f"slo is a share between 0 and 1, such as 0.999 for 99.9 %, and not {self.slo}")

    @property
    def ports(self) -> dict[str, int]:
        """By name; a port named ``metrics`` is scraped."""
        return ({"http": self.port} if self.port else {}) | {"metrics": self.metrics_port}


def _order_environment(inputs: EnvironmentInputs) -> dict[str, str]:
    settings = inputs.settings
    return {
        "ALLOWED_MARKETS": ",".join(settings.markets),
        "LIVE_TRADING_DEFAULT": str(settings.live).lower(),
        "PAPER_TRADING": str(not settings.live).lower(),
        "DRY_RUN": str(not settings.live).lower(),
    }


def _api_environment(inputs: EnvironmentInputs) -> dict[str, str]:
    return _order_environment(inputs) | {"USE_SSE": "true", "USE_EVENT_BUS_SSE": "true"}


def _ops_ui_environment(inputs: EnvironmentInputs) -> dict[str, str]:
    operator = inputs.settings.operator
    return {
        "API_URL": inputs.url("api"),
        # An https URL is what makes NextAuth's cookies secure.
        "NEXTAUTH_URL": inputs.public_url("ops-ui"),
        "NEXTAUTH_URL_INTERNAL": inputs.url("ops-ui"),
        "SESSION_MAX_AGE": str(inputs.settings.session_hours * 3600),
        **({"OPS_UI_USER": operator} if operator else {}),
    }


def _workers_environment(inputs: EnvironmentInputs) -> dict[str, str]:
    limits = inputs.limits
    return _order_environment(inputs) | {
        "PROMETHEUS_PORT": str(SERVICES["workers"].metrics_port),
        "DAILY_MAX_LOSS": format_number(limits.daily_max_loss),
        "MAX_OPEN_ORDERS": str(limits.max_open_orders),
        "MAX_ORDER_NOTIONAL": format_number(limits.max_order_notional),
        "MAX_ORDERS_PER_MINUTE": str(limits.max_orders_per_minute),
    }


SERVICES: Mapping[str, ServiceSpec] = {
    "api": ServiceSpec(
        recipe=Recipe(framework="express", sources={".": ("api",)}),
        port=8000,
        health_path="/healthz",
        replicas=2,
        environment=_api_environment,
        depends_on=("workers",),
        data_services=("db", "cache", "rabbitmq"),
        internet_egress_reason="the exchange's API",
        public_url_setting="api_url",
        slo=0.999,
    ),
    "ops-ui": ServiceSpec(
        recipe=Recipe(framework="next", sources={".": ("ops-ui",)}),
        port=3000,
        health_path="/",
        environment=_ops_ui_environment,
        depends_on=("api", "workers"),
        public_url_setting="url",
        slo=0.999,
    ),
    "workers": ServiceSpec(
        recipe=Recipe(
            framework="python",
            sources={
                "workers": ("workers/src/workers", "workers/workers"),
                "requirements.txt": ("workers/requirements.txt",),
            },
            entry="workers/worker_main_refactored.py",
        ),
        metrics_port=9108,
        cpu="200m",
        memory="512Mi",
        environment=_workers_environment,
        data_services=("db", "cache", "rabbitmq"),
        internet_egress_reason="the exchange's market data and orders",
        singleton=True,
    ),
    "ops-bot": ServiceSpec(
        recipe=Recipe(
            framework="python",
            sources={
                "ops_bot_async.py": ("ops-bot/ops_bot_async.py", "scripts/ops_bot_async.py"),
                "ops_bot": ("ops-bot/ops_bot",),
                "requirements.txt": ("ops-bot/requirements.txt",),
                # The platform's bot imports this one module by its place in the checkout.
                "workers/src/workers/secrets_manager.py": ("workers/src/workers/secrets_manager.py",),
            },
            optional=frozenset({"ops_bot", "requirements.txt", "workers/src/workers/secrets_manager.py"}),
            entry="ops_bot_async.py",
        ),
        port=8080,
        port_variable="HEALTH_PORT",
        health_path="/healthz",
        memory="128Mi",
        depends_on=("workers",),
        data_services=("cache", "rabbitmq"),
        internet_egress_reason="Slack and Teams",
        singleton=True,
    ),
    "backtester": ServiceSpec(
        recipe=Recipe(
            framework="python",
            sources={
                "backtester": ("backtester/src/backtester", "backtester/backtester"),
                "requirements.txt": ("backtester/requirements.txt",),
                "data.csv": ("backtester/data.csv", "backtester/data/data.csv"),
            },
            optional=frozenset({"data.csv"}),
            entry="backtester/backtester_main.py",
            arguments=("simple_strategy", "data.csv", "2024-01-01", "2024-02-01"),
        ),
        cpu="500m",
        memory="1Gi",
        job=True,
    ),
}

JOBS = tuple(name for name, each in SERVICES.items() if each.job)
DEPLOYMENTS = tuple(name for name in SERVICES if name not in JOBS)

DATA_PORTS: Mapping[str, int] = {"db": 5432, "cache": 6379, "rabbitmq": 5672}
"""The data services by the names under which the platform's code looks them up."""
BROKER_METRICS_PORT = 15692
"""Where RabbitMQ's own plugin serves metrics."""


def public_url(service: str, settings: Platform) -> str | None:
    """Where people or clients open a service, if an ingress leads to it."""
    setting = SERVICES[service].public_url_setting
    if setting:
        url: str | None = getattr(settings, setting)
        return url
    return settings.services.get(service, ServiceSettings()).url


def is_public(service: str, settings: Platform) -> bool:
    """Whether people or clients use a service: it has a public URL, or a setting of its own for one."""
    entry = SERVICES[service]
    return entry.port is not None and (
        entry.public_url_setting is not None or public_url(service, settings) is not None
    )


def service_secrets(service: str) -> dict[str, SecretSpec]:
    """The secrets that a service reads, by their keys."""
    data_services = SERVICES[service].data_services
    return {
        key: secret
        for key, secret in SECRETS.items()
        if service in secret.services or (secret.data_service in data_services if secret.data_service else False)
    }
