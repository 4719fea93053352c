"""``docs/licences.md``: the table of licences, written and read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.licences.components import Component

FILE = Path("docs/licences.md")
COMMAND = "make licences"
_INTRODUCTION = """\
# Licences

What this repository builds, installs or deploys from others, with its licence. `make licences` writes this page; do not edit it by
hand. [Extending](extending.md#check-a-licence) says where the licences come from and which are refused.

"""
_HEADER = ("Kind", "Name", "Version", "Licence", "Named in")


@dataclass(frozen=True)
class Row:
    """The licence of a component, and which files name it."""

    component: Component
    licence: str
    sources: Sequence[str]


def render(rows: Sequence[Row]) -> str:
    lines = [_line(_HEADER), _line(["---"] * len(_HEADER))]
    for row in rows:
        component = row.component
        lines.append(
            _line((component.kind, component.name, component.version or "-", row.licence, ", ".join(row.sources)))
        )
    return _INTRODUCTION + "\n".join(lines) + "\n"


def read(text: str) -> Mapping[Component, str]:
    """The licence of each component."""
    licences: dict[Component, str] = {}
    for line in text.splitlines():
        cells = line.strip("|").split("|")
        if len(cells) == len(_HEADER):
            kind, name, version, licence, _ = (cell.strip() for cell in cells)
            if kind not in (_HEADER[0], "---"):
                licences[Component(kind, name, version if version != "-" else "")] = licence
    return licences


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
