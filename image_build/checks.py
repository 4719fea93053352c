"""A checkout, judged before anything is built: what it lacks, in one message, and each image's context where it can be built."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.yaml_reader import load
from components.platform_services import SERVICES
from image_build.context import first_existing
from image_build.issues import CheckoutIssue
from image_build.node import find_node_issues
from image_build.python import find_python_issues

CONF = "conf"


@dataclass(frozen=True, kw_only=True)
class AddablePackages:
    """What may be added to a source that does not name it: npm packages to versions, Python modules to requirements."""

    node: Mapping[str, str]
    python: Mapping[str, str]

    @staticmethod
    def of(images: Path) -> "AddablePackages":
        """As ``images/<language>/missing.yaml`` lists it."""
        node, python = (load((images / name / "missing.yaml").read_text()) for name in ("node", "python"))
        return AddablePackages(node=node, python=python)


def find_checkout_issues(checkout: Path, services: Collection[str], known: AddablePackages) -> list[CheckoutIssue]:
    """Everything that ``checkout`` lacks for these images."""
    return [lack for name in services for lack in _of_service(name, checkout, known)] + list(_secrets(checkout))


def message(checkout: Path, issues: Collection[CheckoutIssue]) -> str:
    """All of it in one message."""
    lines = "\n".join(f"  {lack.line}" for lack in issues)
    return f"{len(issues)} thing(s) to mend in {checkout}:\n{lines}"


def _of_service(name: str, checkout: Path, known: AddablePackages) -> Iterator[CheckoutIssue]:
    recipe = SERVICES[name].recipe
    absent = [
        c for place, c in recipe.sources.items() if place not in recipe.optional and not first_existing(checkout, c)
    ]
    if absent:
        what = "there is no " + " and no ".join(" or ".join(candidates) for candidates in absent)
        yield CheckoutIssue(service=name, what=what, fix="let platform.source name the platform's checkout", fatal=True)
    elif recipe.language == "node":
        yield from find_node_issues(name, first_existing(checkout, recipe.sources["."]) or checkout, known.node)
    else:
        yield from find_python_issues(name, recipe, checkout, known.python)


def _secrets(checkout: Path) -> Iterator[CheckoutIssue]:
    committed = [
        path.relative_to(checkout).as_posix()
        for path in sorted((checkout / CONF).rglob("*"))
        if path.is_file() and (path.suffix in (".pem", ".key") or path.name.endswith(".env"))
    ]
    if committed:
        what = f"secrets lie in it ({', '.join(committed)}); no image takes in anything of {CONF}/"
        yield CheckoutIssue(service=CONF, what=what, fix="git rm --cached them, and revoke them where they were real")
