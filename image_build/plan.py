"""Which images this run builds, and from what. The checkout is checked and each context written before any resource exists."""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from components.platform_services import SERVICES
from image_build.checks import AddablePackages, find_checkout_issues, message
from image_build.collector import COLLECTOR, collector_files
from image_build.context import Context, context_files, first_existing, write_context
from image_build.node import package_json
from image_build.python import REQUIREMENTS, requirements
from settings.model import Settings

CONTEXTS = Path(".local/build")
"""Where contexts are written, below the program's folder. The state has this relative path, so that every clone agrees with it."""
REFERENCE_SERVICES = "services"


class BuildError(pulumi.RunError):
    """An image cannot be built from this checkout. Pulumi prints the message without a traceback."""


def plan_builds(settings: Settings, root: Path) -> list[Context]:
    """A context for each image that the settings let the program build. ``root`` is the program's folder.

    Other issues of the checkout become a warning.

    Raises:
        BuildError: an issue of the checkout leaves an image that cannot be built.
    """
    if not settings.build.enabled:
        return []
    services = [name for name in SERVICES if _is_built(settings, name)] if settings.platform.enabled else []
    checkout = root / (settings.platform.source or REFERENCE_SERVICES)
    images, addable = root / "images", AddablePackages.of(root / "images")
    issues = find_checkout_issues(checkout, services, addable) if services else []
    if any(issue.fatal for issue in issues):
        raise BuildError(message(checkout, issues))
    if issues:
        pulumi.log.warn(message(checkout, issues))
    contexts = [
        write_context(
            name,
            SERVICES[name].recipe.language,
            context_files(name, checkout, images, _completed_files(name, checkout, addable)),
            root / CONTEXTS,
        )
        for name in services
    ]
    if settings.collector.distribution == "atlas" and _is_built(settings, COLLECTOR):
        contexts.append(write_context(COLLECTOR, "go", collector_files(root), root / CONTEXTS))
    return contexts


def _is_built(settings: Settings, name: str) -> bool:
    return name not in settings.images and settings.build.makes(name)


def _completed_files(name: str, checkout: Path, addable: AddablePackages) -> Mapping[str, bytes]:
    """The service's package.json or requirements, with the packages that the build adds."""
    recipe = SERVICES[name].recipe
    if recipe.language == "python":
        return {REQUIREMENTS: requirements(recipe, checkout, addable.python)}
    package = package_json(first_existing(checkout, recipe.sources["."]) or checkout, addable.node)
    return {"package.json": package} if package else {}
