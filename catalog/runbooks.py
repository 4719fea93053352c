"""Runbooks: one page an alert, named after it."""

from dataclasses import dataclass
from pathlib import Path

from catalog.files import found, shown, text_of
from catalog.issues import CatalogError, Problem


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """The page for the alert of this name."""

    alert: str
    text: str


def load_runbooks(folder: Path) -> tuple[Runbook, ...]:
    """Every `<Alert>.md` of the folder; the first line of a page is the alert's name as a heading."""
    problems: list[Problem] = []
    runbooks: list[Runbook] = []
    for path in found(folder, (".md",), problems):
        text = text_of(path, problems)
        if text is None:
            continue
        heading = text.split("\n", 1)[0].strip()
        if heading != f"# {path.stem}":
            problems.append(Problem(f"{shown(path)}:1:1", f"begins with {heading!r}", f"begin it with '# {path.stem}'"))
        runbooks.append(Runbook(alert=path.stem, text=text))
    if problems:
        raise CatalogError(problems)
    return tuple(runbooks)
