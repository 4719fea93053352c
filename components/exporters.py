"""What gives metrics of things that have none of their own: Kubernetes' objects, HTTP endpoints, PostgreSQL, Redis."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions

from catalog.images import Images
from components.data_services import data_hosts
from components.namespace_context import NamespaceContext
from components.rbac import grant_in_cluster, may_read
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume, secret_volume
from components.workload import Probes, Workload, WorkloadArgs

WATCHED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("namespaces", "nodes", "persistentvolumeclaims", "pods", "services")),
    ("apps", ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("batch", ("cronjobs", "jobs")),
    ("policy", ("poddisruptionbudgets",)),
)
"""By API group, what kube-state-metrics reads: no Secrets and no ConfigMaps."""


@dataclass(frozen=True, kw_only=True)
class KubeStateMetricsArgs:
    context: NamespaceContext
    image: Input[str]

    @staticmethod
    def of(stack: StackInputs) -> "KubeStateMetricsArgs":
        """What the component needs of the stack."""
        return KubeStateMetricsArgs(context=stack.observability, image=stack.images["kube-state-metrics"])


class KubeStateMetrics(pulumi.ComponentResource):
    """The state of every object of the cluster; so its role is the whole cluster's, for reading alone."""

    def __init__(self, name: str, args: KubeStateMetricsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:KubeStateMetrics", name, {}, opts)
        child = ResourceOptions(parent=self)
        resources = sorted(resource for _, group in WATCHED for resource in group)
        workload = Workload(
            "kube-state-metrics",
            WorkloadArgs(
                context=args.context,
                image=args.image,
                cpu="50m",
                memory="256Mi",
                args=["--port=8080", "--telemetry-port=8081", f"--resources={','.join(resources)}"],
                ports={"http-metrics": 8080, "telemetry": 8081},
                probes=Probes(port="http-metrics", liveness_path="/livez", readiness_path="/healthz"),
                api_access_reason="is what it does: it lists and watches the objects that it describes",
            ),
            child,
        )
        grant_in_cluster(
            "atlas-kube-state-metrics",
            may_read(WATCHED),
            {"kind": "ServiceAccount", "name": workload.service_account, "namespace": args.context.namespace},
            child,
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class BlackboxArgs:
    context: NamespaceContext
    image: Input[str]
    config: str

    @staticmethod
    def of(stack: StackInputs) -> "BlackboxArgs":
        """What the component needs of the stack."""
        return BlackboxArgs(
            context=stack.observability,
            image=stack.images["blackbox-exporter"],
            config=stack.config["blackbox/blackbox.yaml"],
        )


class Blackbox(pulumi.ComponentResource):
    """Asks HTTP endpoints as a client would."""

    def __init__(self, name: str, args: BlackboxArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Blackbox", name, {}, opts)
        child = ResourceOptions(parent=self)
        files = {"blackbox.yaml": args.config}
        Workload(
            "blackbox-exporter",
            WorkloadArgs(
                context=args.context,
                image=args.image,
                cpu="20m",
                memory="64Mi",
                args=["--config.file=/etc/blackbox/config/blackbox.yaml", "--log.format=json"],
                ports={"http-metrics": 9115},
                probes=Probes(port="http-metrics", liveness_path="/-/healthy", readiness_path="/-/healthy"),
                mounts={
                    "/etc/blackbox/config": immutable_config_volume("blackbox-exporter", files, args.context, child)
                },
            ),
            child,
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class DataExportersArgs:
    """``hosts`` are the data services' as the platform's pods call them, ``data_context`` is where those pods are. ``secret`` names
    the Secret with PostgreSQL's ``password``, ``tls_mode`` is libpq's ``sslmode``.
    """

    context: NamespaceContext
    images: Images
    hosts: Mapping[str, str]
    data_context: NamespaceContext
    secret: Input[str]
    tls_mode: str

    @staticmethod
    def of(stack: StackInputs) -> "DataExportersArgs":
        """What the component needs of the stack."""
        return DataExportersArgs(
            context=stack.observability,
            images=stack.images,
            hosts=data_hosts(stack.settings.platform),
            data_context=stack.trading,
            secret=stack.secrets.workloads["postgres-exporter"],
            tls_mode="require" if stack.settings.platform.external else "disable",
        )


class DataExporters(pulumi.ComponentResource):
    """PostgreSQL's and Redis's exporters. RabbitMQ needs none: its own plugin serves its metrics."""

    def __init__(self, name: str, args: DataExportersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:DataExporters", name, {}, opts)
        child = ResourceOptions(parent=self)
        hosts = {name: _from_outside(host, args.data_context) for name, host in args.hosts.items()}
        Workload(
            "redis-exporter",
            WorkloadArgs(
                context=args.context,
                image=args.images["redis-exporter"],
                cpu="20m",
                memory="64Mi",
                env={"REDIS_ADDR": pulumi.Output.concat("redis://", hosts["cache"], ":6379")},
                ports={"http-metrics": 9121},
                probes=Probes(port="http-metrics", liveness_path="/health", readiness_path="/health"),
            ),
            child,
        )
        Workload(
            "postgres-exporter",
            WorkloadArgs(
                context=args.context,
                image=args.images["postgres-exporter"],
                cpu="20m",
                memory="64Mi",
                args=["--collector.long_running_transactions", "--log.format=json"],
                env={
                    "DATA_SOURCE_URI": pulumi.Output.concat(hosts["db"], ":5432/atlas?sslmode=", args.tls_mode),
                    "DATA_SOURCE_USER": "atlas",
                    "DATA_SOURCE_PASS_FILE": "/etc/postgres-exporter/secrets/password",
                },
                ports={"http-metrics": 9187},
                probes=Probes(port="http-metrics", liveness_path="/", readiness_path="/"),
                mounts={"/etc/postgres-exporter/secrets": secret_volume("secrets", args.secret)},
            ),
            child,
        )
        self.register_outputs({})


def _from_outside(host: str, context: NamespaceContext) -> pulumi.Output[str]:
    """A Service's name as pods of another namespace say it; a host outside the cluster stays as it is."""
    return pulumi.Output.concat(host, "" if "." in host else pulumi.Output.concat(".", context.namespace, ".svc"))
