"""How the project runs kubectl: with a cache folder of its own.

Left alone, kubectl keeps what API servers offer in ``$HOME/.kube/cache``. Where ``HOME`` is not set, that is a folder ``.kube`` in
whatever folder it runs, such as this repository.
"""

from pathlib import Path

FOLDER = "kubectl-cache"
"""The name of the folder, beside a cluster's other files or in ``.local``."""


def kubectl_cache(parent: Path) -> dict[str, str]:
    """The variable that keeps kubectl's cache below ``parent``. kubectl makes the folder when it needs it."""
    return {"KUBECACHEDIR": str(parent / FOLDER)}
