"""What a checker objects to, and the one table of what is let pass and why."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

import yaml

EXCEPTIONS = Path(__file__).with_name("exceptions.yaml")
SHORTEST_REASON = 40
"""Characters; less says that it is so, not why."""


@dataclass(frozen=True, order=True, kw_only=True)
class Finding:
    """``object`` is ``Kind/namespace/name``, or a file of the repository; ``stack`` is empty for a file."""

    tool: str
    check: str
    object: str
    stack: str = ""
    message: str = field(default="", compare=False)

    def __str__(self) -> str:
        where = f"{self.stack}: {self.object}" if self.stack else self.object
        return f"{self.tool} {self.check} {where}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a checker found, and which objects it looked at: silence about what it never saw is no answer."""

    findings: list[Finding]
    checked: set[tuple[str, str]]
    """(stack, object)"""


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """One line of the table: this check of this tool may object to objects of this pattern (``*`` stands for anything).

    ``stack`` is None for all of them.
    """

    tool: str
    check: str
    object: str
    stack: str | None = None

    def covers(self, finding: Finding) -> bool:
        return (
            (self.tool, self.check) == (finding.tool, finding.check)
            and fnmatchcase(finding.object, self.object)
            and self.stack in (None, finding.stack)
        )

    def __str__(self) -> str:
        return " ".join(filter(None, (self.tool, self.check, self.object, self.stack)))


def read_exceptions(text: str, tools: Collection[str], stacks: Collection[str]) -> list[Allowed]:
    """The table, flat: one line for each object pattern and each stack that is named. Raises ValueError with all that is wrong."""
    wrong: list[str] = []
    found: list[Allowed] = []
    entries: list[dict[str, Any]] = yaml.safe_load(text) or []
    for entry in entries:
        if set(entry) | {"stacks"} != {"tool", "check", "objects", "reason", "stacks"} or not entry["objects"]:
            wrong.append(f"{entry}: give tool, check, objects and reason, and stacks where it is not all of them")
            continue
        if entry["tool"] not in tools:
            wrong.append(f"{entry['tool']} is none of {', '.join(sorted(tools))}")
        if len(" ".join(str(entry["reason"]).split())) < SHORTEST_REASON:
            wrong.append(f"{entry['tool']} {entry['check']}: say why, in a sentence")
        only: list[str | None] = entry.get("stacks") or [None]
        wrong += [f"{each} is none of {', '.join(sorted(stacks))}" for each in only if each and each not in stacks]
        for pattern, stack in product(entry["objects"], only):
            allowed = Allowed(tool=entry["tool"], check=entry["check"], object=pattern, stack=stack)
            if allowed in found:
                wrong.append(f"{allowed} stands there twice")
            found.append(allowed)
    if wrong:
        raise ValueError("\n".join(wrong))
    return found


def unexplained(findings: Iterable[Finding], exceptions: list[Allowed]) -> list[str]:
    """The findings without a written reason."""
    return [str(finding) for finding in sorted(findings) if not any(each.covers(finding) for each in exceptions)]


def stale(findings: Iterable[Finding], exceptions: list[Allowed]) -> Iterator[str]:
    """The exceptions that excuse nothing any more."""
    findings = list(findings)
    return (str(each) for each in exceptions if not any(each.covers(finding) for finding in findings))
