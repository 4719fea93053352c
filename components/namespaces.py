"""The namespaces, each with the Pod Security Standard that its pods are held to."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace

from settings.model import Settings

POD_SECURITY_VERSION = "v1.34"
"""Pinned, so that an upgrade of the cluster does not change what is admitted behind our back."""


@dataclass(frozen=True, kw_only=True)
class NamespacesArgs:
    settings: Settings


class Namespaces(pulumi.ComponentResource):
    """``observability`` and ``trading`` refuse every pod that is not ``restricted``; ``agents`` is for what reads the node."""

    by_role: dict[str, Input[str]]
    """Names of those that the environment has."""

    def __init__(self, name: str, args: NamespacesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Namespaces", name, {}, opts)
        child = ResourceOptions(parent=self)
        names = args.settings.namespaces
        labels = {"app.kubernetes.io/part-of": "atlas", "atlas/environment": args.settings.environment}

        def namespace(role: str, object_name: str, enforced: str = "restricted") -> Input[str]:
            if not names.create:
                return object_name
            # The warnings stay strict: they name what a pod of the node agents takes for itself.
            levels = {"enforce": enforced, "audit": "restricted", "warn": "restricted"}
            pod_security = {f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()}
            versions = {f"{mode}-version": POD_SECURITY_VERSION for mode in pod_security}
            created = Namespace(
                role, metadata={"name": object_name, "labels": labels | pod_security | versions}, opts=child
            )
            return created.metadata["name"].apply(str)

        self.by_role = {
            "observability": namespace("observability", names.observability),
            "trading": namespace("trading", names.trading),
        }
        if args.settings.agent.enabled:
            self.by_role["agents"] = namespace("agents", names.agents, "privileged")
        self.register_outputs({})
