"""Where workloads run and what is common to all that runs there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from catalog.images import Images
from settings.model import Settings

SKIP_AWAIT = "pulumi.com/skipAwait"


@dataclass(frozen=True, kw_only=True)
class NamespaceContext:
    """A namespace of an environment. ``wait_for_ready`` is false only where no pod can run; ``paused`` names workloads without one.

    ``pull_secret`` names the Secret with which images are pulled, if the registry asks for one.
    """

    namespace: pulumi.Input[str]
    environment: str
    cluster: str
    storage_class: str | None
    wait_for_ready: bool
    images: Images = field(default_factory=Images)
    scaled_to_zero: frozenset[str] = frozenset()
    pull_secret: pulumi.Input[str] | None = None

    def labels(self, name: str) -> dict[str, str]:
        """The recommended labels of Kubernetes for the object called ``name``."""
        return {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/part-of": "atlas",
            "app.kubernetes.io/managed-by": "pulumi",
            "atlas/environment": self.environment,
        }

    def annotations(self, workload: str | None = None) -> dict[str, str]:
        """What tells Pulumi whether to wait for the object; a Service of a paused workload would wait for ever."""
        return {} if self.wait_for_ready and workload not in self.scaled_to_zero else {SKIP_AWAIT: "true"}


def namespace_contexts(
    settings: Settings,
    namespaces: Mapping[str, pulumi.Input[str]],
    pull_secrets: Mapping[str, pulumi.Input[str]],
    built: Mapping[str, pulumi.Input[str]],
) -> dict[str, NamespaceContext]:
    """A place for each namespace, by its role, in the environment that ``settings`` describe. ``built`` refers to built images."""
    return {
        role: NamespaceContext(
            namespace=namespace,
            environment=settings.environment,
            cluster=settings.cluster.display_name,
            storage_class=settings.cluster.storage_class,
            wait_for_ready=settings.cluster.wait_for_ready,
            images=Images(overrides=settings.images, built=built, registry=settings.registry),
            scaled_to_zero=frozenset(settings.scaled_to_zero),
            pull_secret=pull_secrets.get(role),
        )
        for role, namespace in namespaces.items()
    }
