"""What an environment may set. ``loader.py`` reads it, ``field_types.py`` has the shapes of its
values, ``consistency.py`` what goes together."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from settings.field_types import (
    AnnotationValue,
    Bucket,
    Context,
    Cpu,
    Day,
    Folder,
    Host,
    ImageTemplate,
    Label,
    LabelKey,
    LabelValue,
    Market,
    Name,
    NamespaceName,
    Network,
    Operator,
    Quantity,
    Reference,
    Registry,
    Retention,
    Schedule,
    Site,
    StrictInt,
    Tag,
    Url,
)

Environment = Literal["local", "dev", "prod"]
Port = Annotated[int, Field(ge=1, le=65535)]


class Model(BaseModel):
    """Strict (no conversion of types), closed (no unknown keys), frozen; keys are camelCase as in Kubernetes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class Cluster(Model):
    """The cluster to deploy into: named, never whatever context happens to be current."""

    context: Context = Field(description="kubeconfig context", examples=["my-cluster"])
    name: Label | None = Field(default=None, description="the cluster's name in telemetry; unset means the context")
    api_server: Network = Field(description="the API server's address as pods see it", examples=["10.0.0.1/32"])
    api_server_port: int = Field(default=6443, ge=1, le=65535, description="the port at that address")
    nodes: Network = Field(default="10.0.0.0/8", description="the nodes' addresses, where node agents ask the kubelet")
    private_backends: Network | None = Field(
        default=None,
        description="network of your own backends with private addresses; our pods that send or query may reach any port there",
    )
    kubelet_insecure: bool = Field(
        default=False, description="accept kubelet certificates that the cluster's CA did not sign"
    )
    storage_class: Name | None = Field(
        default=None, description="storage class of every volume; unset means the cluster's default"
    )
    wait_for_ready: bool = Field(
        default=True, description="wait for pods to become ready; false only where no pod can run"
    )

    @property
    def display_name(self) -> str:
        return self.name or self.context


class Namespaces(Model):
    """Where everything lives. ``create: false`` uses namespaces that are there already."""

    create: bool = Field(default=True, description="make the namespaces; false uses those that are there already")
    observability: NamespaceName = Field(
        default="observability", description="the namespace of the Collector, the stores, Grafana and the exporters"
    )
    trading: NamespaceName = Field(
        default="trading", description="the namespace of the platform's services and of their data services"
    )
    agents: NamespaceName = Field(default="node-agents", description="the node agents' own, the only privileged one")


class Collector(Model):
    """The OpenTelemetry Collector gateway."""

    distribution: Literal["atlas", "upstream"] = Field(
        default="atlas",
        description="the Collector of gateways and agents: our own, built from images/collector, or the upstream image, "
        "which masks less and lets one sender harm others (docs/limits.md)",
    )
    replicas: int = Field(description="gateways, each with a volume of its own", default=1, ge=1, le=50)
    cpu: Cpu = Field(default="200m", description="CPU request of a gateway; the limit is four times that")
    memory: Quantity = Field(default="512Mi", description="memory request and limit of a gateway")
    volume: Quantity = Field(default="2Gi", description="the export queues' volume, one a replica")
    fsync: bool = Field(default=True, description="wait for the disk: what is acknowledged survives a power loss")
    sampling_percentage: float = Field(
        default=100.0,
        gt=0,
        le=100,
        description="share of ordinary traces kept; errors and slow spans always are",
    )
    personal_data: Literal["masked", "kept"] | None = Field(
        default=None,
        description="card numbers, IBANs and e-mail addresses in telemetry; unset means masked in production and kept elsewhere",
        examples=["masked"],
    )


class Agent(Model):
    """The Collector on each node: container logs and the node's own metrics."""

    enabled: bool = Field(
        default=True, description="run an agent on each node; false ships no container logs and no node metrics"
    )
    cpu: Cpu = Field(default="100m", description="CPU request of an agent; the limit is four times that")
    memory: Quantity = Field(default="256Mi", description="memory request and limit of an agent")
    queue: Quantity = Field(
        default="1Gi",
        description="size of the queues on the node's disk, which hold telemetry while no gateway answers",
    )


class Prometheus(Model):
    """``operator``: write rules and scrape targets as the Prometheus Operator's objects and run no Prometheus of our own."""

    operator: bool = Field(
        default=False,
        description="write objects of the cluster's Prometheus Operator and run no Prometheus, Alertmanager or kube-state-metrics",
    )
    url: Url | None = Field(
        default=None,
        description="the operator's Prometheus, with its OTLP receiver on",
        examples=["http://prometheus:9090"],
    )
    namespace: Label = Field(default="monitoring", description="where the operator's Prometheus runs")
    labels: dict[LabelKey, LabelValue] = Field(
        default={"release": "kube-prometheus-stack"},
        description="labels by which the operator's Prometheus selects our objects",
    )
    replicas: int = Field(default=1, ge=1, le=2, description="identical replicas, each scraping everything")
    cpu: Cpu = Field(default="200m", description="CPU request of a replica; the limit is four times that")
    memory: Quantity = Field(default="1Gi", description="memory request and limit of a replica")
    volume: Quantity = Field(
        default="10Gi", description="volume of a replica; the oldest samples go when 80 % of it is used"
    )
    retention: Retention = Field(
        default="15d", description="how long samples are kept; at least 3d, the longest range of a rule"
    )
    remote_write: Url | None = Field(default=None, description="Mimir, Thanos or a vendor, for long retention")
    runbooks: Url | None = Field(
        default=None,
        description="where people read the folder runbooks/, for the links in alerts",
        examples=["https://github.com/example/atlas/blob/main"],
    )


class Alertmanager(Model):
    """Sends alerts to people. Its receivers are secrets: ``slackWebhookUrl``, ``teamsWebhookUrl``, ``pagerdutyRoutingKey``,
    ``alertWebhookUrl`` and ``deadMansSwitchUrl``.
    """

    replicas: Annotated[Literal[1, 3], StrictInt] = Field(
        default=1, description="1, or 3 that gossip: two cannot tell who is alone"
    )
    cpu: Cpu = Field(default="50m", description="CPU request of a replica; the limit is four times that")
    memory: Quantity = Field(default="128Mi", description="memory request and limit of a replica")
    volume: Quantity = Field(default="1Gi", description="volume of a replica, for silences and for what was sent")


class ObjectStorage(Model):
    """An S3-compatible store. Its keys are the secrets ``objectStorageAccessKey`` and ``objectStorageSecretKey``."""

    endpoint: Host = Field(description="host name of the store", examples=["s3.eu-central-1.amazonaws.com"])
    bucket: Bucket = Field(description="the bucket, made beforehand", examples=["atlas-logs"])
    region: Label = Field(default="us-east-1", description="region of the bucket")


LogBackend = Literal["loki", "victorialogs", "external"]


class Logs(Model):
    """Where logs are stored, and further destinations, each of which gets every record as well."""

    backend: LogBackend = Field(
        default="loki",
        description="the store: Loki or VictoriaLogs here, or external, one of your own at logs.otlpEndpoint",
    )
    otlp_endpoint: Url | None = Field(
        default=None,
        description="OTLP/HTTP base URL of a further log backend, or with logs.backend external of the only one",
    )
    query_url: Url | None = Field(
        default=None,
        description="where Grafana asks an external backend, by Loki's API",
        examples=["https://logs.example.com"],
    )
    elasticsearch: Url | None = Field(default=None, description="Elasticsearch; needs collector.distribution: upstream")


class Loki(Model):
    """``replicas`` above one need ``objectStorage``; with it, three hold each record twice at least."""

    replicas: Annotated[Literal[1, 3, 5], StrictInt] = Field(
        default=1, description="more than one needs loki.objectStorage"
    )
    cpu: Cpu = Field(default="200m", description="CPU request of a replica; the limit is four times that")
    memory: Quantity = Field(default="1Gi", description="memory request and limit of a replica")
    volume: Quantity = Field(
        default="10Gi",
        description="volume of a replica: all logs, or with loki.objectStorage the write-ahead log and the index",
    )
    retention: Retention = Field(default="7d", description="how long logs are kept; at least 1d")
    object_storage: ObjectStorage | None = None


class VictoriaLogs(Model):
    """VictoriaLogs, where ``logs.backend`` names it: one process with a volume, so one replica."""

    replicas: Annotated[Literal[1], StrictInt] = Field(default=1, description="always 1: its storage is its own")
    cpu: Cpu = Field(default="200m", description="CPU request; the limit is four times that")
    memory: Quantity = Field(default="512Mi", description="memory request and limit")
    volume: Quantity = Field(
        default="10Gi", description="volume of the logs; the oldest days go when 80 % of it is used"
    )
    retention: Retention = Field(default="7d", description="how long logs are kept; at least 1d")


class Traces(Model):
    """Where traces are stored. Without ``endpoint`` Jaeger runs in the cluster."""

    endpoint: Url | None = Field(
        default=None,
        description="OTLP/HTTP base URL of a store of your own (Tempo, Jaeger, a vendor) instead of Jaeger here",
    )

    query_url: Url | None = Field(
        default=None,
        description="where Grafana asks that store, by Jaeger's API",
        examples=["https://traces.example.com"],
    )


class Jaeger(Model):
    """The embedded store of traces: one process, so one replica."""

    replicas: Annotated[Literal[1], StrictInt] = Field(default=1, description="always 1: its storage is embedded")
    cpu: Cpu = Field(default="200m", description="CPU request; the limit is four times that")
    memory: Quantity = Field(default="1Gi", description="memory request and limit")
    volume: Quantity = Field(default="10Gi", description="volume of the traces")
    retention: Retention = Field(default="3d", description="how long traces are kept")


class Grafana(Model):
    """Grafana with its provisioned dashboards and data sources."""

    existing: bool = Field(
        default=False, description="only write labelled dashboards and data sources for a Grafana that is there"
    )
    cpu: Cpu = Field(default="100m", description="CPU request; the limit is four times that")
    memory: Quantity = Field(default="512Mi", description="memory request and limit")
    url: Url = Field(description="where people open Grafana", examples=["https://grafana.example.com"])


class Ingress(Model):
    """TLS ends at the ingress controller: either cert-manager's ``issuer`` or a Secret of your own."""

    class_name: Name | None = Field(default=None, description="ingress class; unset means the cluster's default")
    namespace: Label = Field(default="ingress-nginx", description="where the ingress controller runs")
    issuer: Name | None = Field(default=None, description="cert-manager's ClusterIssuer")
    tls_secret: Name = Field(default="atlas-tls", description="the Secret with the certificate, in each namespace")
    allow: list[Network] = Field(
        default=[],
        description="networks that may reach the platform's services by it, unset all; understood by ingress class nginx",
        examples=[["192.0.2.0/24"]],
    )
    annotations: dict[LabelKey, AnnotationValue] = Field(
        default={},
        description="annotations of the platform's Ingresses, such as those by which your controller asks who comes",
        examples=[{"traefik.ingress.kubernetes.io/router.middlewares": "trading-sign-in@kubernetescrd"}],
    )


MAX_AMOUNT = 1_000_000_000_000.0
"""Of a limit in quote currency: what is above never binds."""


class Limits(Model):
    """The risk limits that the workers enforce; deployed as their environment and as series for the alerts."""

    daily_max_loss: float = Field(default=1000.0, gt=0, le=MAX_AMOUNT, description="quote currency")
    max_exposure: float = Field(
        default=10000.0, gt=0, le=MAX_AMOUNT, description="quote currency, all products together; watched, not enforced"
    )
    max_open_orders: int = Field(default=50, ge=1, le=1_000_000, description="open orders at the same time")
    max_order_notional: float = Field(default=1000.0, gt=0, le=MAX_AMOUNT, description="quote currency")
    max_orders_per_minute: int = Field(default=60, ge=1, le=1_000_000, description="orders a minute")


class ServiceSettings(Model):
    """One of the platform's services; what is unset has the service's own default."""

    replicas: int | None = Field(default=None, ge=1, le=50, description="pods of the service")
    cpu: Cpu | None = Field(
        default=None, description="processor time that a pod asks for; its limit is four times that"
    )
    memory: Quantity | None = Field(default=None, description="memory of a pod, asked for and limited alike")
    url: Site | None = Field(
        default=None,
        description="where people open it, by ingress; of ops-ui and api it is platform.url and platform.apiUrl",
        examples=["https://reports.example.com"],
    )


class ExternalDataServices(Model):
    """Data services outside the cluster. Their passwords are the secrets ``postgresPassword`` and ``rabbitmqPassword``."""

    network: Network = Field(
        description="network that holds all three data services; pods may reach no other address of theirs",
        examples=["10.1.0.0/24"],
    )
    postgres: Host = Field(description="host of PostgreSQL", examples=["db.example.com"])
    redis: Host = Field(description="host of Redis", examples=["cache.example.com"])
    rabbitmq: Host = Field(description="host of RabbitMQ", examples=["bus.example.com"])


class Backtest(Model):
    """One run of a strategy over past prices, as a Job that is made once; a changed one runs anew."""

    name: Label = Field(description="name of the Job, after `backtest-`", examples=["january"])
    strategy: LabelValue = Field(description="as the backtester calls it", examples=["simple_strategy"])
    data: LabelValue = Field(description="a file of prices in the backtester's image", examples=["data.csv"])
    start: Day = Field(description="first day of the prices")
    end: Day = Field(description="day after the last day of the prices")


class Platform(Model):
    """The platform's own services. Without ``external`` their data services run in the cluster, one replica each."""

    enabled: bool = Field(
        default=False, description="deploy the platform's services; false deploys the observability layer alone"
    )
    source: Folder | None = Field(
        default=None, description="the checkout of the platform's code; unset, the reference services are built"
    )
    image_template: ImageTemplate | None = Field(
        default=None,
        description="image of each service that neither images names nor the program builds; {service} stands for its name; "
        "production deploys the digest that its tag has",
    )
    url: Site | None = Field(default=None, description="where people open ops-ui", examples=["https://ops.example.com"])
    api_url: Site | None = Field(
        default=None, description="where clients reach the api", examples=["https://api.example.com"]
    )
    sign_in: Literal["services", "ingress"] | None = Field(
        default=None,
        description="who asks those who come by an ingress for who they are: the services, as the reference services do "
        "(API_TOKEN, OPS_UI_USER), or the ingress, by ingress.allow or ingress.annotations; needed beside ingress",
        examples=["services"],
    )
    operator: Operator | None = Field(
        default=None,
        description="who signs in to ops-ui, with the password of opsUiPasswordHash",
        examples=["operator"],
    )
    live: bool = Field(default=False, description="real orders; false trades on paper")
    markets: list[Market] = Field(
        default=["BTC-USD", "ETH-USD"], min_length=1, description="products that may be traded"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="LOG_LEVEL of every service of the platform"
    )
    session_hours: int = Field(default=8, ge=1, le=24, description="how long a login to ops-ui lasts")
    backtest_schedule: Schedule = Field(default="0 3 * * *", description="when the scheduled backtest runs, in UTC")
    backtests: list[Backtest] = Field(default=[], description="runs besides the scheduled one")
    services: dict[str, ServiceSettings] = Field(default={}, description="size and URL of each service, by its name")
    additional_metrics_ports: list[Port] = Field(
        default=[],
        description="ports beside those of the platform's services at which pods of the platform's namespace may be scraped",
        examples=[[9200]],
    )
    external: ExternalDataServices | None = None


class Bases(Model):
    """Base images that replace those of the Dockerfiles, where these cannot be pulled."""

    node_builder: Reference | None = Field(default=None, description="Node.js with npm and a shell")
    node_runtime: Reference | None = Field(default=None, description="Node.js at /nodejs/bin/node, and no more")
    python_builder: Reference | None = Field(default=None, description="Python 3.11 with pip and a shell")
    python_runtime: Reference | None = Field(default=None, description="Debian's Python 3.11, and no more")
    go_builder: Reference | None = Field(default=None, description="Go and a shell")
    static_runtime: Reference | None = Field(
        default=None, description="authorities and time zones, for a static binary"
    )


class Build(Model):
    """Building the platform's images and our own Collector's, all that ``images`` does not name, by the program itself."""

    enabled: bool = Field(
        default=False,
        description="build images with the program: our Collector's, and the platform's from platform.source or from services/",
    )
    repository: Registry | None = Field(
        default=None, description="where images are pushed to; unset, they stay in the engine that builds them"
    )
    only: list[Label] | None = Field(
        default=None,
        description="the images to build, by workload; unset, all that images does not name",
        examples=[["otel-collector"]],
    )
    bases: Bases = Bases()

    def makes(self, name: str) -> bool:
        """Whether the program builds the image of this workload, unless ``images`` names one."""
        return self.enabled and (self.only is None or name in self.only)


class Settings(Model):
    environment: Environment = Field(
        default="local",
        description="environment of the stack; it has to be the first part of the stack's name and may be left out",
    )
    cluster: Cluster
    namespaces: Namespaces = Namespaces()
    registry: Registry | None = Field(
        default=None,
        description="registry that replaces each pinned image's own; images that are named or built here keep theirs",
    )
    images: dict[str, Reference] = Field(
        default={},
        description="image by workload, in place of the pinned one; production deploys the digest that its tag has in the registry",
    )
    scaled_to_zero: list[Label] = Field(
        default=[], description="workloads that are declared with zero replicas, because their image cannot be had"
    )
    build: Build = Build()
    collector: Collector = Collector()
    agent: Agent = Agent()
    prometheus: Prometheus = Prometheus()
    alertmanager: Alertmanager = Alertmanager()
    logs: Logs = Logs()
    loki: Loki = Loki()
    victorialogs: VictoriaLogs = VictoriaLogs()
    traces: Traces = Traces()
    jaeger: Jaeger = Jaeger()
    grafana: Grafana
    ingress: Ingress | None = None
    limits: Limits = Limits()
    platform: Platform = Platform()
    rotation: Tag = Field(default="1", description="change it to generate every generated secret anew")

    @property
    def digests_only(self) -> bool:
        """Whether an image that is named by a tag is deployed by the digest that the tag has in its registry."""
        return self.environment == "prod"

    @property
    def masks_personal_data(self) -> bool:
        """Whether telemetry is stored without card numbers, IBANs and e-mail addresses. Credentials never are in it."""
        chosen = self.collector.personal_data or ("masked" if self.environment == "prod" else "kept")
        return chosen == "masked" and self.collector.distribution == "atlas"


PRODUCTION: Mapping[str, Mapping[str, int]] = {
    "collector": {"replicas": 3},
    "prometheus": {"replicas": 2},
    "alertmanager": {"replicas": 3},
}
"""What production has where it does not say, and at least where it does: the loss of a node is no event."""
