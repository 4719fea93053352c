"""Alertmanager: who hears of an alert, how often, and what is silent because something worse is loud."""

from collections.abc import Collection
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions

from catalog.alertmanager_config import without_missing_secrets
from components.namespace_context import NamespaceContext
from components.stack_inputs import StackInputs
from components.volumes import immutable_config_volume, secret_volume
from components.workload import PersistentVolume, Probes, Workload, WorkloadArgs
from settings.model import Alertmanager as AlertmanagerSettings
from settings.secret_table import alert_files
from settings.units import go_memory_limit

SECRETS = "/etc/alertmanager/secrets"


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """``secret_files`` are the files that there are; ``secret`` names the Secret that holds them, ``None`` when there are none.

    ``url`` is where a link in a message leads: Grafana, which shows alerts and silences.
    """

    context: NamespaceContext
    settings: AlertmanagerSettings
    image: Input[str]
    config: str
    secret_files: Collection[str]
    secret: Input[str] | None
    url: str

    @staticmethod
    def of(stack: StackInputs, configured_secrets: Collection[str]) -> "AlertmanagerArgs":
        """What the component needs of the stack."""
        return AlertmanagerArgs(
            context=stack.observability,
            settings=stack.settings.alertmanager,
            image=stack.images["alertmanager"],
            config=stack.config["alertmanager/alertmanager.yaml"],
            secret_files=alert_files(configured_secrets),
            secret=stack.secrets.workloads.get("alertmanager"),
            url=stack.settings.grafana.url,
        )


class Alertmanager(pulumi.ComponentResource):
    """One process with a volume, or three that tell each other what they have sent."""

    url: Output[str]

    def __init__(self, name: str, args: AlertmanagerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Alertmanager", name, {}, opts)
        child = ResourceOptions(parent=self)
        context, settings = args.context, args.settings
        files = {"alertmanager.yaml": without_missing_secrets(args.config, args.secret_files)}
        mounts = {"/etc/alertmanager/config": immutable_config_volume("alertmanager", files, context, child)}
        if args.secret:
            mounts[SECRETS] = secret_volume("secrets", args.secret)
        peers = [
            Output.format("--cluster.peer=alertmanager-{0}.alertmanager-peers.{1}.svc:9094", each, context.namespace)
            for each in range(settings.replicas)
        ]
        workload = Workload(
            "alertmanager",
            WorkloadArgs(
                context=context,
                image=args.image,
                replicas=settings.replicas,
                cpu=settings.cpu,
                memory=settings.memory,
                args=[
                    "--config.file=/etc/alertmanager/config/alertmanager.yaml",
                    "--storage.path=/var/lib/alertmanager",
                    f"--web.external-url={args.url}/alerting",
                    "--web.route-prefix=/",
                    "--log.format=json",
                    *(
                        ["--cluster.listen-address=$(MY_POD_IP):9094", *peers]
                        if peers[1:]
                        else ["--cluster.listen-address="]
                    ),
                ],
                env={"GOMEMLIMIT": go_memory_limit(settings.memory)},
                ports={"http-metrics": 9093, "gossip": 9094},
                peer_port="gossip" if peers[1:] else None,
                probes=Probes(port="http-metrics", liveness_path="/-/healthy", readiness_path="/-/ready"),
                mounts=mounts,
                persistent_volume=PersistentVolume(path="/var/lib/alertmanager", size=settings.volume),
                headless=True,
            ),
            child,
        )
        self.url = Output.concat("http://", workload.address, ":9093")
        self.register_outputs({"url": self.url})
