"""The drills' figures as a Markdown table: ``python tests/faults/table.py short|full``."""

import json
import sys
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[2] / ".local/faults"


def rows(form: str) -> list[str]:
    """One row a drill, in the drills' order; what holds or does not is told only where it does not."""
    told: list[dict[str, Any]] = [json.loads(file.read_text()) for file in FIGURES.glob(f"*.{form}.json")]
    return [
        f"| {drill['drill']} | {'; '.join(_cell(figure) for figure in drill['figures'] if _worth(figure))} |"
        for drill in sorted(told, key=_order)
    ]


def _order(drill: dict[str, Any]) -> tuple[int, str]:
    number, _, rest = drill["drill"].removeprefix("F").partition(" ")
    return int(number), rest


def _worth(figure: dict[str, Any]) -> bool:
    return not (figure["name"].startswith("not ") and figure["met"])


def _cell(figure: dict[str, Any]) -> str:
    limit = "" if figure["limit"] is None else f" (≤ {figure['limit']:,g})"
    missed = "" if figure["met"] else " **missed**"
    return f"{figure['name']} {figure['value']:,g}{figure['unit']}{limit}{missed}"


def main() -> None:
    form = sys.argv[1] if len(sys.argv) > 1 else "short"
    print("\n".join(["| drill | measured (at most) |", "|---|---|", *rows(form)]))


if __name__ == "__main__":
    main()
