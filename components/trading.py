"""The platform's own services, wired into telemetry, with the risk limits that the alerts compare with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.batch.v1 import CronJob, Job, JobSpecArgsDict
from pulumi_kubernetes.core.v1 import KeyToPathArgsDict, PodTemplateSpecArgsDict, ServiceAccount, VolumeArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from catalog.images import Images
from components.data_services import data_hosts
from components.namespace_context import NOT_AWAITED, NamespaceContext
from components.platform_services import DATA_PORTS, DEPLOYMENTS, JOBS, SERVICES, EnvironmentInputs, service_secrets
from components.stack_inputs import StackInputs
from components.workload import Before, Probes, SecretKey, Workload, WorkloadArgs, pod_spec
from settings.model import Limits, ServiceSettings
from settings.model import Platform as PlatformSettings

OTLP_ENDPOINT = "http://otel-collector:4317"
SECRETS = "/etc/trading/secrets"


@dataclass(frozen=True, kw_only=True)
class TradingArgs:
    """``hosts`` maps ``db``, ``cache`` and ``rabbitmq`` to host names; ``secrets`` maps services to their Secrets' names, which
    hold those of ``secret_keys`` that the service reads.
    """

    context: NamespaceContext
    images: Images
    settings: PlatformSettings
    limits: Limits
    hosts: Mapping[str, str]
    secrets: Mapping[str, Input[str]]
    secret_keys: Collection[str]

    @staticmethod
    def of(stack: StackInputs) -> "TradingArgs":
        """What the component needs of the stack."""
        return TradingArgs(
            context=stack.trading,
            images=stack.images,
            settings=stack.settings.platform,
            limits=stack.settings.limits,
            hosts=data_hosts(stack.settings.platform),
            secrets=stack.secrets.services,
            secret_keys=stack.secrets.keys,
        )


class Trading(pulumi.ComponentResource):
    """A workload for each service that runs all the time, and a CronJob for each that runs to its end."""

    def __init__(self, name: str, args: TradingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Trading", name, {}, opts)
        child = ResourceOptions(parent=self)
        for service in DEPLOYMENTS:
            Workload(service, self._pod(service, args), child)
        for service in JOBS:
            self._scheduled_job(service, args, child)
        self.register_outputs({})

    def _pod(self, name: str, args: TradingArgs, arguments: Sequence[str] = ()) -> WorkloadArgs:
        service, size = SERVICES[name], args.settings.services.get(name, ServiceSettings())
        replicas = size.replicas or service.replicas
        secret = args.secrets.get(name)
        keys = service_secrets(name) if secret is not None else {}
        files = sorted(key for key, each in keys.items() if each.as_file and key in args.secret_keys)
        mounts: dict[str, VolumeArgsDict] = {}
        if secret is not None and files:
            items: list[KeyToPathArgsDict] = [{"key": key, "path": key} for key in files]
            mounts[SECRETS] = {
                "name": "secrets",
                "secret": {"secret_name": secret, "default_mode": 0o440, "items": items},
            }
        port = "http" if service.port else "metrics"
        return WorkloadArgs(
            context=args.context,
            image=args.images[name],
            replicas=replicas,
            cpu=size.cpu or service.cpu,
            memory=size.memory or service.memory,
            args=arguments,
            before=Before(
                reason="when it ends, the cluster knows the pod's address, and the gateway whose the job's first figures are",
                # Any image would do, and this one is on the node.
                image=args.images["otel-collector"],
                args=["--version"],
            )
            if service.job
            else None,
            env=environment(name, args),
            secret_env={
                each.variable: SecretKey(secret=secret, key=key)
                for key, each in keys.items()
                if secret is not None and each.variable and not each.as_file and key in args.secret_keys
            },
            field_env={"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"},
            ports={} if service.job else service.ports,
            probes=None
            if service.job
            else Probes(port=port, liveness_path=service.health_path, readiness_path=service.health_path),
            mounts=mounts,
            empty_dirs={"/tmp": "64Mi"},
            probe_path=service.health_path if service.port else None,
        )

    def _scheduled_job(self, name: str, args: TradingArgs, child: ResourceOptions) -> None:
        context, labels = args.context, args.context.labels(name)
        metadata: ObjectMetaArgsDict = {"name": name, "namespace": context.namespace, "labels": labels}
        account = ServiceAccount(name, metadata=metadata, automount_service_account_token=False, opts=child)
        pod = pod_spec(name, self._pod(name, args), account.metadata["name"].apply(str))
        pod["restart_policy"] = "Never"
        template: PodTemplateSpecArgsDict = {"metadata": {"labels": labels}, "spec": pod}
        job: JobSpecArgsDict = {"backoff_limit": 2, "active_deadline_seconds": 3600, "template": template}
        CronJob(
            name,
            metadata=metadata,
            spec={
                "schedule": args.settings.backtest_schedule,
                "time_zone": "Etc/UTC",
                "suspend": name in context.scaled_to_zero,
                "concurrency_policy": "Forbid",
                "starting_deadline_seconds": 600,
                "successful_jobs_history_limit": 3,
                "failed_jobs_history_limit": 3,
                "job_template": {"spec": {**job, "ttl_seconds_after_finished": 86400}},
            },
            opts=child,
        )
        for each in args.settings.backtests if name == "backtester" else ():
            # It stays when it is done: an update that found it gone would run it again. No update waits for it, maybe an hour.
            once = pod_spec(
                name,
                self._pod(name, args, (each.strategy, each.data, each.start, each.end)),
                account.metadata["name"].apply(str),
            )
            once["restart_policy"] = "Never"
            Job(
                f"backtest-{each.name}",
                metadata={**metadata, "name": f"backtest-{each.name}", "annotations": NOT_AWAITED},
                spec={**job, "template": {"metadata": {"labels": labels}, "spec": once}},
                opts=child,
            )


def environment(name: str, args: TradingArgs) -> dict[str, Input[str]]:
    """The variables of one service, by the names that the platform's code reads: those that all have, then its own."""
    service, hosts = SERVICES[name], args.hosts
    env: dict[str, Input[str]] = {
        "LOG_LEVEL": args.settings.log_level,
        "METRICS_PORT": str(service.metrics_port),
        "OTEL_SERVICE_NAME": name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": OTLP_ENDPOINT,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_RESOURCE_ATTRIBUTES": (
            f"service.namespace=trading,deployment.environment.name={args.context.environment},"
            "k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)"
        ),
    }
    for key, secret in service_secrets(name).items():
        if secret.variable and secret.as_file and key in args.secret_keys:
            env[secret.variable] = f"{SECRETS}/{key}"
    if "db" in service.data_services:
        env |= {
            "POSTGRES_HOST": hosts["db"],
            "POSTGRES_PORT": str(DATA_PORTS["db"]),
            "POSTGRES_USER": "atlas",
            "POSTGRES_DB": "atlas",
        }
    if "cache" in service.data_services:
        env |= {"REDIS_HOST": hosts["cache"], "REDIS_PORT": str(DATA_PORTS["cache"])}
    if "rabbitmq" in service.data_services:
        env |= {
            "RABBITMQ_HOST": hosts["rabbitmq"],
            "RABBITMQ_PORT": str(DATA_PORTS["rabbitmq"]),
            "RABBITMQ_USER": "atlas",
        }
    if "workers" in service.depends_on:
        env["METRICS_URL"] = f"http://workers:{SERVICES['workers'].metrics_port}/metrics"
    if service.port:
        env[service.port_variable] = str(service.port)
    return env | dict(service.environment(EnvironmentInputs(settings=args.settings, limits=args.limits)))
