"""What an image of the platform is made of: where its files are in a checkout, and where they go in the build's context.

Each service's entry in ``components/platform_services.py`` has its recipe. The platform's own checkout and the reference services
in ``services/`` are read alike: of several paths, the first one that exists counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["node", "python", "go"]
Framework = Literal["express", "next", "python"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """``framework`` says how the image is built and started:

    - ``express``: a Node service whose script ``build`` writes ``dist/index.js``;
    - ``next``: a Next.js application, started by the server of its standalone output;
    - ``python``: the module at ``entry``, a path below ``service/`` of the context.

    ``sources`` maps a path below ``service/`` to the paths in the checkout that it may come from. Node has one, ``.``, its folder;
    Python has ``requirements.txt`` among them. A checkout may lack those in ``optional``. ``arguments`` are what the program gets
    where nobody names others.
    """

    framework: Framework
    sources: Mapping[str, tuple[str, ...]]
    optional: frozenset[str] = frozenset()
    entry: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def language(self) -> Language:
        """The folder of ``images/`` with its Dockerfile."""
        return "python" if self.framework == "python" else "node"
