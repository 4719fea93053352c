"""What is wrong with a file of the catalogue, and where."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Issue:
    """One fault: ``where`` is ``folder/file``, with ``:line:column`` as far as known; ``fix`` is what to do about it."""

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; fix: {self.fix}"


class CatalogError(pulumi.RunError):
    """All problems found, in the order of files and lines, one a line; Pulumi prints it without a traceback."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(sorted(issues, key=_sort_key))
        super().__init__("\n".join(str(problem) for problem in self.issues))


def _sort_key(problem: Issue) -> tuple[str, list[int]]:
    file = re.sub(r"(:\d+)*$", "", problem.where)
    return file, [int(number) for number in problem.where.removeprefix(file).split(":")[1:]]
