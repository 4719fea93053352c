"""What each of the platform's images is made of: where its files are in a checkout, and where they go in the build's context.

The platform's own checkout and the reference services in ``services/`` are read alike: of several places, the first one that is
there counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["node", "python", "go"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """``places`` maps a path below ``service/`` of the context to the places in the checkout that it may come from.

    ``entry`` is the module that the image runs, as a path below ``service/``.
    """

    language: Language
    sources: Mapping[str, tuple[str, ...]]
    optional: frozenset[str] = frozenset()
    entry: str = ""


RECIPES: Mapping[str, Recipe] = {
    "api": Recipe(language="node", sources={".": ("api",)}),
    "ops-ui": Recipe(language="node", sources={".": ("ops-ui",)}),
    "workers": Recipe(
        language="python",
        sources={
            "workers": ("workers/src/workers", "workers/workers"),
            "requirements.txt": ("workers/requirements.txt",),
        },
        entry="workers/worker_main_refactored.py",
    ),
    "backtester": Recipe(
        language="python",
        sources={
            "backtester": ("backtester/src/backtester", "backtester/backtester"),
            "requirements.txt": ("backtester/requirements.txt",),
            "data.csv": ("backtester/data.csv", "backtester/data/data.csv"),
        },
        optional=frozenset({"data.csv"}),
        entry="backtester/backtester_main.py",
    ),
    "ops-bot": Recipe(
        language="python",
        sources={
            "ops_bot_async.py": ("ops-bot/ops_bot_async.py", "scripts/ops_bot_async.py"),
            "ops_bot": ("ops-bot/ops_bot",),
            "requirements.txt": ("ops-bot/requirements.txt",),
            # The platform's bot imports this one module by its place in the checkout.
            "workers/src/workers/secrets_manager.py": ("workers/src/workers/secrets_manager.py",),
        },
        optional=frozenset({"ops_bot", "requirements.txt", "workers/src/workers/secrets_manager.py"}),
        entry="ops_bot_async.py",
    ),
}
