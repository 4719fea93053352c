"""Alertmanager: who hears of an alert, how often, and what is silent because something worse is loud."""

from collections.abc import Collection
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions

from catalog.alertmanager_config import pruned
from components.namespace_context import Place
from components.volumes import read_once, secret_files
from components.workload import Data, Probes, Workload, WorkloadArgs
from settings.model import Alertmanager as AlertmanagerSettings
from settings.units import from_bytes, to_bytes

SECRETS = "/etc/alertmanager/secrets"


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """``given`` are the secret files that there are; ``secret`` names the Secret that holds them, ``None`` when there are none.

    ``url`` is where a link in a message leads: Grafana, which shows alerts and silences.
    """

    place: Place
    settings: AlertmanagerSettings
    config: str
    given: Collection[str]
    secret: Input[str] | None
    url: str


class Alertmanager(pulumi.ComponentResource):
    """One process with a volume, or three that tell each other what they have sent."""

    url: Output[str]

    def __init__(self, name: str, args: AlertmanagerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Alertmanager", name, {}, opts)
        child = ResourceOptions(parent=self)
        place, settings = args.place, args.settings
        files = {"alertmanager.yaml": pruned(args.config, args.given)}
        mounts = {"/etc/alertmanager/config": read_once("alertmanager", files, place, child)}
        if args.secret:
            mounts[SECRETS] = secret_files("secrets", args.secret)
        peers = [
            Output.format("--cluster.peer=alertmanager-{0}.alertmanager-peers.{1}.svc:9094", each, place.namespace)
            for each in range(settings.replicas)
        ]
        workload = Workload(
            "alertmanager",
            WorkloadArgs(
                place=place,
                image=place.images["alertmanager"],
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
                env={"GOMEMLIMIT": from_bytes(int(to_bytes(settings.memory) * 0.8)) + "B"},
                ports={"http-metrics": 9093, "gossip": 9094},
                gossip="gossip" if peers[1:] else None,
                probes=Probes(port="http-metrics", alive="/-/healthy", ready="/-/ready"),
                mounts=mounts,
                data=Data(path="/var/lib/alertmanager", size=settings.volume),
                headless=True,
            ),
            child,
        )
        self.url = Output.concat("http://", workload.address, ":9093")
        self.register_outputs({"url": self.url})
