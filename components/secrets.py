"""Every secret of the stack: configured, or generated. Other components see the *names* of Secrets only."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Secret
from pulumi_random import RandomPassword

from components.inventory import workloads
from components.namespace_context import NamespaceContext
from components.platform_services import SERVICES, service_secrets
from settings.model import Settings
from settings.secret_table import SECRETS


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """``contexts`` are by role. ``configured`` maps secret keys to values; what is not configured and can be is generated."""

    contexts: Mapping[str, NamespaceContext]
    settings: Settings
    configured: Mapping[str, Input[str]]


class Secrets(pulumi.ComponentResource):
    """One immutable, auto-named Secret a consumer: a new value is a new Secret, which rolls that consumer's pods alone."""

    workloads: dict[str, Output[str]]
    """By workload of ours, with the files of ``SecretSpec.mounted_by`` that there are; none for a workload without any."""
    services: dict[str, Output[str]]
    """By service of the platform, with the keys that it reads, as far as there are values."""
    keys: frozenset[str]
    """The secret keys that have a value."""
    generated: dict[str, Output[str]]
    """By secret key, what was generated; of a hash its password."""

    def __init__(self, name: str, args: SecretsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Secrets", name, {}, opts)
        child = ResourceOptions(parent=self)
        readers = {workload: role for role, workload in workloads(args.settings)}
        services = tuple(SERVICES) if args.settings.platform.enabled else ()
        read_by_services = {key for service in services for key in service_secrets(service)}

        self.generated = {}
        values: dict[str, Input[str]] = dict(args.configured)
        for key, spec in SECRETS.items():
            if key not in values and spec.generated and (key in read_by_services or spec.mounted_by.keys() & readers):
                keepers = {"rotation": args.settings.rotation}
                made = RandomPassword(spec.generated, length=40, special=False, keepers=keepers, opts=child)
                values[key] = made.bcrypt_hash if spec.kind == "bcrypt hash" else made.result
                self.generated[key] = made.result
        self.keys = frozenset(values)

        def secret(consumer: str, context: NamespaceContext, data: Mapping[str, Input[str]]) -> Output[str]:
            created = Secret(
                consumer,
                metadata={"namespace": context.namespace, "labels": context.labels(consumer)},
                immutable=True,
                string_data=dict(data),
                opts=child,
            )
            return created.metadata["name"].apply(str)

        self.workloads, self.services = {}, {}
        for workload, role in sorted(readers.items()):
            mounted = [(key, spec.mounted_by) for key, spec in SECRETS.items() if workload in spec.mounted_by]
            data = {files[workload]: values[key] for key, files in mounted if key in values}
            if data:
                self.workloads[workload] = secret(workload, args.contexts[role], data)
        for service in services:
            data = {key: values[key] for key in service_secrets(service) if key in values}
            if data:
                self.services[service] = secret(service, args.contexts["trading"], data)
        self.register_outputs({})
