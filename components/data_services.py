"""PostgreSQL, Redis and RabbitMQ in the cluster, for one machine and for development. Production names its own, with backups."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions

from components.namespace_context import Place
from components.platform_services import DATA_PORTS
from components.volumes import read_once, secret_files
from components.workload import Data, Probes, RunsAs, SecretKey, Workload, WorkloadArgs

SECRETS = "/etc/secrets"


@dataclass(frozen=True, kw_only=True)
class DataServicesArgs:
    """``secrets`` maps ``db`` and ``rabbitmq`` to Secrets with ``password``; ``rabbitmq`` are the files of its configuration."""

    place: Place
    secrets: Mapping[str, Input[str]]
    rabbitmq: Mapping[str, str]


class DataServices(pulumi.ComponentResource):
    """One replica each, under the names by which the platform's code looks them up: ``db``, ``cache``, ``rabbitmq``."""

    def __init__(self, name: str, args: DataServicesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:DataServices", name, {}, opts)
        child = ResourceOptions(parent=self)
        place = args.place
        Workload(
            "db",
            WorkloadArgs(
                place=place,
                image=place.images["db"],
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
                mounts={SECRETS: secret_files("secrets", args.secrets["db"])},
                scratch={"/var/run/postgresql": "16Mi", "/tmp": "64Mi"},
                data=Data(path="/var/lib/postgresql/data", size="5Gi"),
                runs_as=RunsAs(user=70, why="initdb looks its user up in the image's own list, which has this one"),
                headless=True,
                grace_seconds=120,
            ),
            child,
        )
        Workload(
            "cache",
            WorkloadArgs(
                place=place,
                image=place.images["cache"],
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
                data=Data(path="/data", size="1Gi"),
                headless=True,
            ),
            child,
        )
        Workload(
            "rabbitmq",
            WorkloadArgs(
                place=place,
                image=place.images["rabbitmq"],
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
                ports={"amqp": DATA_PORTS["rabbitmq"], "metrics": 15692},
                probes=Probes(port="amqp", startup_seconds=300),
                mounts={"/etc/atlas/rabbitmq": read_once("rabbitmq", args.rabbitmq, place, child)},
                scratch={"/tmp": "64Mi"},
                data=Data(path="/var/lib/rabbitmq", size="2Gi"),
                headless=True,
            ),
            child,
        )
        self.register_outputs({})
