"""The namespaces, each with the Pod Security Standard that its pods are held to."""

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes.core.v1 import Namespace

POD_SECURITY_VERSION = "v1.34"
"""Pinned, so that an upgrade of the cluster does not change what is admitted behind our back."""


@dataclass(frozen=True, kw_only=True)
class NamespacesArgs:
    environment: str


class Namespaces(pulumi.ComponentResource):
    """``observability`` and ``trading``: both refuse every pod that is not ``restricted``."""

    observability: Output[str]
    trading: Output[str]

    def __init__(self, name: str, args: NamespacesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("atlas:index:Namespaces", name, {}, opts)
        child = ResourceOptions(parent=self)

        def namespace(called: str) -> Output[str]:
            pod_security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
            versions = {f"{mode}-version": POD_SECURITY_VERSION for mode in pod_security}
            labels = {"app.kubernetes.io/part-of": "atlas", "atlas/environment": args.environment}
            created = Namespace(
                called, metadata={"name": called, "labels": labels | pod_security | versions}, opts=child
            )
            return created.metadata["name"].apply(str)

        self.observability = namespace("observability")
        self.trading = namespace("trading")
        self.register_outputs({"observability": self.observability, "trading": self.trading})
