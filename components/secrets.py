"""Every secret of the stack: given as encrypted configuration, or generated. Other components see the *names* of Secrets only."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Secret
from pulumi_random import RandomPassword

from components.place import Place


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """``rotation``: another value generates every generated secret anew. ``grafana_admin_password``: ``None`` generates one."""

    place: Place
    rotation: str
    grafana_admin_password: Input[str] | None


class Secrets(pulumi.ComponentResource):
    """One immutable, auto-named Secret a consumer: a new value is a new Secret, which rolls that consumer's pods alone."""

    grafana: Output[str]
    """Name of the Secret with ``admin-password`` and ``secret-key``."""

    def __init__(self, name: str, args: SecretsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Secrets", name, {}, opts)
        child = ResourceOptions(parent=self)

        def generated(called: str) -> Output[str]:
            return RandomPassword(
                called, length=40, special=False, keepers={"rotation": args.rotation}, opts=child
            ).result

        def secret(consumer: str, data: dict[str, Input[str]]) -> Output[str]:
            created = Secret(
                consumer,
                metadata={"namespace": args.place.namespace, "labels": args.place.labels(consumer)},
                immutable=True,
                string_data=data,
                opts=child,
            )
            return created.metadata["name"].apply(str)

        self.grafana = secret(
            "grafana",
            {
                "admin-password": args.grafana_admin_password or generated("grafana-admin-password"),
                "secret-key": generated("grafana-secret-key"),
            },
        )
        self.register_outputs({"grafana": self.grafana})
