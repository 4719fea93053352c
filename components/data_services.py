"""PostgreSQL, Redis and RabbitMQ in the cluster, for one machine and for development. Production names its own, with backups."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions

from catalog.images import Images
from components.namespace_context import NamespaceContext
from components.platform_services import BROKER_METRICS_PORT, DATA_PORTS
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume, secret_volume
from components.workload import PersistentVolume, Probes, SecretKey, UserOverride, Workload, WorkloadArgs
from settings.model import Platform

SECRETS = "/etc/secrets"


@dataclass(frozen=True, kw_only=True)
class DataServicesArgs:
    """``secrets`` has the Secrets of ``db`` and ``rabbitmq``, each with ``password``. ``rabbitmq`` are its configuration files."""

    context: NamespaceContext
    images: Images
    secrets: Mapping[str, Input[str]]
    rabbitmq: Mapping[str, str]

    @staticmethod
    def of(stack: StackInputs) -> "DataServicesArgs":
        """What the component needs of the stack."""
        return DataServicesArgs(
            context=stack.trading,
            images=stack.images,
            secrets=stack.secrets.workloads,
            rabbitmq=stack.catalog.folder("rabbitmq"),
        )


class DataServices(pulumi.ComponentResource):
    """One replica each, under the names by which the platform's code looks them up: ``db``, ``cache``, ``rabbitmq``."""

    def __init__(self, name: str, args: DataServicesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:DataServices", name, {}, opts)
        child = ResourceOptions(parent=self)
        context = args.context
        Workload(
            "db",
            WorkloadArgs(
                context=context,
                image=args.images["db"],
                cpu="100m",
                memory="256Mi",
                env={
                    "POSTGRES_USER": "atlas",
                    "POSTGRES_DB": "atlas",
                    "POSTGRES_PASSWORD_FILE": f"{SECRETS}/password",
                    "PGDATA": "/var/lib/postgresql/data/pgdata",
                },
                ports={"postgresql": DATA_PORTS["db"]},
                probes=Probes(port="postgresql", startup_seconds=300),
                mounts={SECRETS: secret_volume("secrets", args.secrets["db"])},
                empty_dirs={"/var/run/postgresql": "16Mi", "/tmp": "64Mi"},
                persistent_volume=PersistentVolume(path="/var/lib/postgresql/data", size="5Gi"),
                user_override=UserOverride(
                    user=70, reason="initdb looks its user up in the image's own list, which has this one"
                ),
                headless=True,
                termination_grace_seconds=120,
            ),
            child,
        )
        Workload(
            "cache",
            WorkloadArgs(
                context=context,
                image=args.images["cache"],
                cpu="50m",
                memory="256Mi",
                # Far below the pod's memory: saving to disk forks, and what changes meanwhile is counted twice. The platform's code
                # sends no password, so the network alone decides who may connect.
                args=[
                    "redis-server",
                    "--dir",
                    "/data",
                    "--maxmemory",
                    "160mb",
                    "--maxmemory-policy",
                    "noeviction",
                    "--protected-mode",
                    "no",
                ],
                ports={"redis": DATA_PORTS["cache"]},
                probes=Probes(port="redis"),
                persistent_volume=PersistentVolume(path="/data", size="1Gi"),
                headless=True,
            ),
            child,
        )
        Workload(
            "rabbitmq",
            WorkloadArgs(
                context=context,
                image=args.images["rabbitmq"],
                cpu="100m",
                memory="512Mi",
                env={
                    "RABBITMQ_CONFIG_FILES": "/etc/atlas/rabbitmq/rabbitmq.conf",
                    "RABBITMQ_ENABLED_PLUGINS_FILE": "/etc/atlas/rabbitmq/enabled_plugins",
                    "RABBITMQ_NODENAME": "rabbit@localhost",
                    "RABBITMQ_DEFAULT_USER": "atlas",
                    "HOME": "/var/lib/rabbitmq",
                },
                # RabbitMQ reads the password of its first user from the environment alone.
                secret_env={"RABBITMQ_DEFAULT_PASS": SecretKey(secret=args.secrets["rabbitmq"], key="password")},
                ports={"amqp": DATA_PORTS["rabbitmq"], "metrics": BROKER_METRICS_PORT},
                probes=Probes(port="amqp", startup_seconds=300),
                mounts={"/etc/atlas/rabbitmq": immutable_config_volume("rabbitmq", args.rabbitmq, context, child)},
                empty_dirs={"/tmp": "64Mi"},
                persistent_volume=PersistentVolume(path="/var/lib/rabbitmq", size="2Gi"),
                headless=True,
            ),
            child,
        )
        self.register_outputs({})


def data_hosts(settings: Platform) -> dict[str, str]:
    """Host names of the data services: those in the cluster, or those that the settings name."""
    external = settings.external
    if external is None:
        return {name: name for name in DATA_PORTS}
    return {"db": external.postgres, "cache": external.redis, "rabbitmq": external.rabbitmq}
