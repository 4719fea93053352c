"""Where workloads run and what is common to all that runs there."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from settings.model import Settings

NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""The annotation of an object that an update does not wait for."""


@dataclass(frozen=True, kw_only=True)
class NamespaceContext:
    """A namespace of an environment. ``wait_for_ready`` is false only where no pod can run.

    ``scaled_to_zero`` names workloads that are declared without a pod. ``pull_secret`` names the Secret with which images are
    pulled, if the registry asks for one.
    """

    namespace: pulumi.Input[str]
    environment: str
    cluster: str
    storage_class: str | None
    wait_for_ready: bool
    scaled_to_zero: frozenset[str] = frozenset()
    pull_secret: pulumi.Input[str] | None = None

    def labels(self, name: str) -> dict[str, str]:
        """The recommended labels of Kubernetes for the object ``name``."""
        return {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/part-of": "atlas",
            "app.kubernetes.io/managed-by": "pulumi",
            "atlas/environment": self.environment,
        }

    def annotations(self) -> dict[str, str]:
        """What tells Pulumi whether to wait for pods and their Services."""
        return {} if self.wait_for_ready else dict(NOT_AWAITED)


def namespace_contexts(
    settings: Settings,
    namespaces: Mapping[str, pulumi.Input[str]],
    registry_config: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> dict[str, NamespaceContext]:
    """A context for each namespace, by its role. ``registry_config`` holds the credentials of a private registry."""
    pull_secrets = _pull_secrets(registry_config, namespaces, opts)
    return {
        role: NamespaceContext(
            namespace=namespace,
            environment=settings.environment,
            cluster=settings.cluster.display_name,
            storage_class=settings.cluster.storage_class,
            wait_for_ready=settings.cluster.wait_for_ready,
            scaled_to_zero=frozenset(settings.scaled_to_zero),
            pull_secret=pull_secrets.get(role),
        )
        for role, namespace in namespaces.items()
    }


def _pull_secrets(
    config: pulumi.Input[str] | None, namespaces: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> dict[str, pulumi.Output[str]]:
    """The Secret with which each namespace pulls its images, by the namespace's role; none where the registry is open."""
    if config is None:
        return {}
    created = {
        role: Secret(
            f"{role}-registry",
            metadata={"namespace": namespace, "labels": {"app.kubernetes.io/part-of": "atlas"}},
            type="kubernetes.io/dockerconfigjson",
            immutable=True,
            string_data={".dockerconfigjson": config},
            opts=opts,
        )
        for role, namespace in namespaces.items()
    }
    return {role: each.metadata["name"].apply(str) for role, each in created.items()}
