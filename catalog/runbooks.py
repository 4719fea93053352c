"""Runbooks: one page an alert, named after it."""

from dataclasses import dataclass
from pathlib import Path

from catalog.files import display_path, find_files, text_of
from catalog.issues import CatalogError, Issue


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """The page for the alert of this name."""

    alert: str
    text: str


def load_runbooks(folder: Path) -> tuple[Runbook, ...]:
    """Every ``<Alert>.md`` of the folder; the first line of a page is the alert's name as a heading."""
    problems: list[Issue] = []
    runbooks: list[Runbook] = []
    for path in find_files(folder, (".md",), problems):
        text = text_of(path, problems)
        if text is None:
            continue
        heading = text.split("\n", 1)[0].strip()
        if heading != f"# {path.stem}":
            problems.append(
                Issue(f"{display_path(path)}:1:1", f"begins with {heading!r}", f"begin it with '# {path.stem}'")
            )
        runbooks.append(Runbook(alert=path.stem, text=text))
    if problems:
        raise CatalogError(problems)
    return tuple(runbooks)
