"""Checks of a Python service's source, and the requirements to build it with."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from image_build.context import first_existing, source_files
from image_build.issues import CheckoutIssue
from image_build.recipes import Recipe

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_MODULE_NAMES = {
    "python_dotenv": "dotenv",
    "pyyaml": "yaml",
    "scikit_learn": "sklearn",
    "coinbase_advanced_py": "coinbase",
}
"""Modules by their distributions, where the names differ."""
_BUNDLED_MODULES = {"slack_bolt": {"slack_sdk"}, "pandas": {"numpy"}}
"""Modules that another one's distribution installs anyway."""
REQUIREMENTS = "requirements.txt"


def find_python_issues(
    service: str, recipe: Recipe, checkout: Path, addable: Mapping[str, str]
) -> Iterator[CheckoutIssue]:
    """Everything that is wrong with the source. ``addable`` maps modules to the requirement that may be added for them."""
    sources = dict(_sources(recipe, checkout))
    if recipe.entry not in sources:
        yield CheckoutIssue(service=service, what=f"there is no {recipe.entry} to start", fix="add it", fatal=True)
        return
    unparsable = sorted(file.name for file in sources.values() if _parsed(file) is None)
    if unparsable:
        yield CheckoutIssue(
            service=service, what=f"Python cannot parse {', '.join(unparsable)}", fix="correct the syntax"
        )
    own, unnamed = _requirements(recipe, checkout), _unnamed(recipe, checkout)
    hashed = "--hash=" in own
    added = [addable[module] for module in unnamed if module in addable and not hashed]
    left = [module for module in unnamed if module not in addable or hashed]
    where = recipe.sources[REQUIREMENTS][0]
    if added:
        what = f"requirements do not name what the code imports; added: {', '.join(added)}"
        yield CheckoutIssue(service=service, what=what, fix=f"add them to {where}")
    if left:
        what = f"the code imports {', '.join(left)}, which no requirement names and the image does not get"
        yield CheckoutIssue(service=service, what=what, fix=f"add them to {where} where they are needed")
    if not hashed:
        what = (
            "requirements have no hashes: versions of dependencies are chosen while building, and two builds may differ"
        )
        yield CheckoutIssue(service=service, what=what, fix=f"uv pip compile --generate-hashes into {where}")


def requirements(recipe: Recipe, checkout: Path, addable: Mapping[str, str]) -> bytes:
    """The checkout's own requirements, and those that may be added. Where they have hashes, nothing is added."""
    own = _requirements(recipe, checkout)
    added = [] if "--hash=" in own else [addable[module] for module in _unnamed(recipe, checkout) if module in addable]
    return (own.rstrip("\n") + "\n" + "".join(f"{line}\n" for line in added)).encode()


def _requirements(recipe: Recipe, checkout: Path) -> str:
    file = first_existing(checkout, recipe.sources[REQUIREMENTS])
    return file.read_text() if file else ""


def _sources(recipe: Recipe, checkout: Path) -> Iterator[tuple[str, Path]]:
    """Python files by their paths in the image."""
    return ((path, file) for path, file in source_files(recipe, checkout) if file.suffix == ".py")


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_text())
    except (SyntaxError, ValueError):
        return None


def _unnamed(recipe: Recipe, checkout: Path) -> list[str]:
    """Top-level modules that the code imports and that are not Python's, its own or named by its requirements. Sorted."""
    matches = (_REQUIREMENT.match(line) for line in _requirements(recipe, checkout).splitlines())
    named = {match[1].lower().replace("-", "_").replace(".", "_") for match in matches if match}
    named |= {_MODULE_NAMES[one] for one in named if one in _MODULE_NAMES}
    sources = dict(_sources(recipe, checkout))
    own = {path.partition("/")[0].removesuffix(".py") for path in sources}
    imported: set[str] = set()
    for file in sources.values():
        for node in ast.walk(_parsed(file) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    bundled = {module for one in imported | named for module in _BUNDLED_MODULES.get(one, ())}
    # Our instrumentation is in the image anyway, and code that may use it says `import` in a `try`.
    return sorted(imported - named - own - bundled - {"atlas_instrumentation"} - sys.stdlib_module_names)
