"""Where a workload runs and what is common to all that runs there."""

from dataclasses import dataclass

import pulumi

from components.settings import Settings

SKIP_AWAIT = "pulumi.com/skipAwait"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A namespace of an environment. ``wait_for_ready`` is false only where no pod can run."""

    namespace: pulumi.Input[str]
    environment: str
    cluster: str
    storage_class: str | None
    wait_for_ready: bool

    @staticmethod
    def of(settings: Settings, namespace: pulumi.Input[str]) -> "Place":
        """``namespace`` of the environment that ``settings`` describe."""
        return Place(
            namespace=namespace,
            environment=settings.environment,
            cluster=settings.cluster.name,
            storage_class=settings.cluster.storage_class,
            wait_for_ready=settings.cluster.wait_for_ready,
        )

    def labels(self, name: str) -> dict[str, str]:
        """The recommended labels of Kubernetes for the object called ``name``."""
        return {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/part-of": "atlas",
            "app.kubernetes.io/managed-by": "pulumi",
            "atlas/environment": self.environment,
        }

    def annotations(self) -> dict[str, str]:
        """What tells Pulumi whether to wait for the object."""
        return {} if self.wait_for_ready else {SKIP_AWAIT: "true"}
