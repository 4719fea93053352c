"""A checkout, judged before anything is built: what it lacks, in one message, and each image's context where it can be built."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.yaml_reader import load
from image_build.context import found
from image_build.issues import Lack
from image_build.node import node_lacks
from image_build.python import python_lacks
from image_build.recipes import RECIPES

CONF = "conf"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What may be added to a source that does not name it: npm packages to versions, Python modules to requirements."""

    node: Mapping[str, str]
    python: Mapping[str, str]

    @staticmethod
    def of(images: Path) -> "Known":
        """As ``images/<language>/missing.yaml`` lists it."""
        node, python = (load((images / name / "missing.yaml").read_text()) for name in ("node", "python"))
        return Known(node=node, python=python)


def lacks(checkout: Path, services: Collection[str], known: Known) -> list[Lack]:
    """Everything that ``checkout`` lacks for these images."""
    return [lack for name in services for lack in _of_service(name, checkout, known)] + list(_secrets(checkout))


def message(checkout: Path, found_lacking: Collection[Lack]) -> str:
    """All of it in one message."""
    lines = "\n".join(f"  {lack.line}" for lack in found_lacking)
    return f"{len(found_lacking)} thing(s) to mend in {checkout}:\n{lines}"


def _of_service(name: str, checkout: Path, known: Known) -> Iterator[Lack]:
    recipe = RECIPES[name]
    absent = [c for place, c in recipe.places.items() if place not in recipe.optional and not found(checkout, c)]
    if absent:
        what = "there is no " + " and no ".join(" or ".join(candidates) for candidates in absent)
        yield Lack(service=name, what=what, mend="let platform.source name the platform's checkout", fatal=True)
    elif recipe.language == "node":
        yield from node_lacks(name, found(checkout, recipe.places["."]) or checkout, known.node)
    else:
        yield from python_lacks(name, recipe, checkout, known.python)


def _secrets(checkout: Path) -> Iterator[Lack]:
    committed = [
        path.relative_to(checkout).as_posix()
        for path in sorted((checkout / CONF).rglob("*"))
        if path.is_file() and (path.suffix in (".pem", ".key") or path.name.endswith(".env"))
    ]
    if committed:
        what = f"secrets lie in it ({', '.join(committed)}); no image takes in anything of {CONF}/"
        yield Lack(service=CONF, what=what, mend="git rm --cached them, and revoke them where they were real")
