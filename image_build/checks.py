"""Checks of a checkout before anything is built: everything that is wrong with it, in one message."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.yaml_reader import load
from components.platform_services import SERVICES
from image_build.context import first_existing
from image_build.issues import CheckoutIssue
from image_build.node import find_node_issues
from image_build.python import REQUIREMENTS, find_python_issues
from image_build.recipes import Recipe

ADDABLE_PACKAGES = "addable_packages.yaml"
CONF = "conf"
"""The folder of the platform's checkout that people keep secrets in."""


@dataclass(frozen=True, kw_only=True)
class AddablePackages:
    """What a build may add to a source that does not name it: npm packages to versions, Python modules to requirements."""

    node: Mapping[str, str]
    python: Mapping[str, str]

    @staticmethod
    def of(images: Path) -> "AddablePackages":
        """Read from ``images/<language>/addable_packages.yaml``."""
        node, python = (load((images / name / ADDABLE_PACKAGES).read_text()) for name in ("node", "python"))
        return AddablePackages(node=node, python=python)


def find_checkout_issues(checkout: Path, services: Collection[str], addable: AddablePackages) -> list[CheckoutIssue]:
    """Everything that is wrong with ``checkout`` for the images of ``services``."""
    return [issue for name in services for issue in _service_issues(name, checkout, addable)] + list(_secrets(checkout))


def message(checkout: Path, issues: Collection[CheckoutIssue]) -> str:
    """All issues, a line each."""
    lines = "\n".join(f"  {issue.line}" for issue in issues)
    return f"{len(issues)} thing(s) to fix in {checkout}:\n{lines}"


def _service_issues(name: str, checkout: Path, addable: AddablePackages) -> Iterator[CheckoutIssue]:
    recipe = SERVICES[name].recipe
    if unnamed := _unnamed_inputs(recipe):
        what = f"its recipe for {recipe.framework} names no {' and no '.join(unnamed)}"
        fix = f"add it to the entry of {name} in components/platform_services.py"
        yield CheckoutIssue(service=name, what=what, fix=fix, fatal=True)
        return
    missing = [
        candidates
        for target, candidates in recipe.sources.items()
        if target not in recipe.optional and not first_existing(checkout, candidates)
    ]
    if missing:
        what = "there is no " + " and no ".join(" or ".join(candidates) for candidates in missing)
        fix = "add it, or let platform.source name the platform's checkout"
        yield CheckoutIssue(service=name, what=what, fix=fix, fatal=True)
    elif recipe.language == "node":
        yield from find_node_issues(name, first_existing(checkout, recipe.sources["."]) or checkout, addable.node)
    else:
        yield from find_python_issues(name, recipe, checkout, addable.python)


def _unnamed_inputs(recipe: Recipe) -> list[str]:
    """What a recipe of this language must name and does not."""
    if recipe.language == "node":
        return [] if "." in recipe.sources else ["source ."]
    return [
        *([] if REQUIREMENTS in recipe.sources else [f"source {REQUIREMENTS}"]),
        *([] if recipe.entry else ["entry"]),
    ]


def _secrets(checkout: Path) -> Iterator[CheckoutIssue]:
    committed = [
        path.relative_to(checkout).as_posix()
        for path in sorted((checkout / CONF).rglob("*"))
        if path.is_file() and (path.suffix in (".pem", ".key") or path.name.endswith(".env"))
    ]
    if committed:
        what = f"it holds secrets ({', '.join(committed)}); no image takes in anything of {CONF}/"
        yield CheckoutIssue(service=CONF, what=what, fix="git rm --cached them, and revoke them where they were real")
