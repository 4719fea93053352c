"""What every component of a stack is made from. Each component's arguments take their part of it by ``of``."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.images import Images
from catalog.loader import Catalog
from components.namespace_context import NamespaceContext
from components.secrets import Secrets
from settings.model import Settings


@dataclass(frozen=True, kw_only=True)
class StackInputs:
    """``contexts`` are by the namespace's role, ``images`` by workload."""

    settings: Settings
    catalog: Catalog
    contexts: Mapping[str, NamespaceContext]
    images: Images
    secrets: Secrets

    @property
    def observability(self) -> NamespaceContext:
        """Where the telemetry components run."""
        return self.contexts["observability"]

    @property
    def trading(self) -> NamespaceContext:
        """Where the platform's services run."""
        return self.contexts["trading"]

    @property
    def config(self) -> Mapping[str, str]:
        """Configuration files by their path below ``config/``."""
        return self.catalog.config
