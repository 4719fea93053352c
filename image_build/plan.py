"""Which images this run builds, from what: the checkout is judged, and each context staged, before any resource exists."""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from components.platform_services import SERVICES
from image_build.checks import AddablePackages, find_checkout_issues, message
from image_build.collector import COLLECTOR, collector_contents
from image_build.context import Context, context_files, first_existing, stage
from image_build.node import package_json
from image_build.python import REQUIREMENTS, requirements
from settings.model import Settings

STAGED = Path(".local/build")
"""Below the program's folder, and named so in the state: another clone finds the same."""
REFERENCE = "services"


class BuildError(pulumi.RunError):
    """What has to be there before anything can be built; Pulumi prints it without a traceback."""


def plan_builds(settings: Settings, root: Path) -> list[Context]:
    """A context for each image that the settings leave to be built. ``root`` is the program's folder.

    Raises:
        BuildError: the checkout lacks something without which an image cannot be built. What it lacks besides is a warning.
    """
    if not settings.build.enabled:
        return []
    services = [name for name in SERVICES if name not in settings.images] if settings.platform.enabled else []
    checkout = root / (settings.platform.source or REFERENCE)
    images, known = root / "images", AddablePackages.of(root / "images")
    issues = find_checkout_issues(checkout, services, known) if services else []
    if any(lack.fatal for lack in issues):
        raise BuildError(message(checkout, issues))
    if issues:
        pulumi.log.warn(message(checkout, issues))
    staged = [
        stage(
            name,
            SERVICES[name].recipe.language,
            context_files(SERVICES[name].recipe, checkout, images, _completed_files(name, checkout, known)),
            root / STAGED,
        )
        for name in services
    ]
    if settings.build.collector and COLLECTOR not in settings.images:
        staged.append(stage(COLLECTOR, "go", collector_contents(root), root / STAGED))
    return staged


def _completed_files(name: str, checkout: Path, known: AddablePackages) -> Mapping[str, bytes]:
    """The files of the service that say what it lacked."""
    recipe = SERVICES[name].recipe
    if recipe.language == "python":
        return {REQUIREMENTS: requirements(recipe, checkout, known.python)}
    described = package_json(first_existing(checkout, recipe.sources["."]) or checkout, known.node)
    return {"package.json": described} if described else {}
