"""What a drill measured, against its pass marks."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """``limit`` is the largest value that passes; without one the figure is told and not judged."""

    name: str
    value: float
    limit: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.limit is None or self.value <= self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" (at most {self.limit:g}{self.unit}{'' if self.met else ': MISSED'})"
        return f"{self.name} {self.value:g}{self.unit}{limit}"


@dataclass
class Report:
    """The figures of one drill."""

    drill: str
    figures: list[Figure] = field(default_factory=list[Figure])

    def tell(self, name: str, value: float, unit: str = "") -> None:
        self._add(Figure(name, round(value, 2), None, unit))

    def judge(self, name: str, value: float, at_most: float, unit: str = "") -> None:
        self._add(Figure(name, round(value, 2), round(at_most, 2), unit))

    def require(self, name: str, held: object) -> None:
        """A mark that holds or does not: its figure is 0 when it holds."""
        self._add(Figure(f"not {name}", 0 if held else 1, 0))

    @property
    def missed(self) -> list[str]:
        """The names of the figures beyond their limits."""
        return [figure.name for figure in self.figures if not figure.met]

    def write(self, folder: Path, form: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            "drill": self.drill,
            "form": form,
            "figures": [asdict(each) | {"met": each.met} for each in self.figures],
        }
        (folder / f"{self.drill.replace(' ', '-')}.{form}.json").write_text(json.dumps(told, indent=1) + "\n")

    def __str__(self) -> str:
        return "\n".join([self.drill, *(f"  {figure}" for figure in self.figures)])

    def _add(self, figure: Figure) -> None:
        self.figures.append(figure)
