"""What an image of the platform is made of: where its files are in a checkout, and where they go in the build's context.

Each service's entry in ``components/platform_services.py`` has its recipe. The platform's own checkout and the reference services
in ``services/`` are read alike: of several paths, the first one that exists counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["node", "python", "go"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """``sources`` maps a path below ``service/`` of the context to the paths in the checkout that it may come from.

    ``entry`` is the module that the image runs, as a path below ``service/``.
    """

    language: Language
    sources: Mapping[str, tuple[str, ...]]
    optional: frozenset[str] = frozenset()
    entry: str = ""
