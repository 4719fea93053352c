"""The series that nobody may push by OTLP: what rules read and Prometheus scrapes.

What rules record, and what Prometheus itself makes, is not here: the gateway knows it by its kind (a colon, ``up``, ...).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from catalog.yaml_reader import load

PUSHED = ("atlas_backtest_",)
"""Beginnings of what rules read and services push: results of a job that ends before it is scraped."""
OF_AGENTS = ("container_", "k8s_", "system_")
"""Beginnings of what node agents push, and nobody else."""

_BY_NAME = re.compile(r'\b__name__\s*=~?\s*"((?:[^"\\]|\\.)*)"')
_OR = re.compile(r"\|(?![^(]*\))")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_COMMENT = re.compile(r"#[^\n]*")
_LABELS = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:.$])[A-Za-z_:][\w:]*(?![\w:]|\s*\()")
_WORDS = {"and", "atan2", "bool", "by", "group_left", "group_right", "ignoring", "inf", "nan", "offset", "on", "or"} | {
    "unless",
    "without",
}


def reserved_metrics(rules: Iterable[str]) -> str:
    """One regular expression of all names that nobody pushes, from the texts of rule files."""
    return "|".join(name for name in _read(rules) if not name.startswith((*PUSHED, *OF_AGENTS)))


def agent_metrics(rules: Iterable[str]) -> str:
    """The same of what node agents alone push."""
    return "|".join(name for name in _read(rules) if name.startswith(OF_AGENTS))


def _read(rules: Iterable[str]) -> list[str]:
    names = {name for expression in rule_expressions(rules) for name in series_names(expression)}
    return sorted(name for name in names if ":" not in name)


def series_names(expression: str) -> set[str]:
    """The series that a PromQL expression names: names, and patterns of names."""
    chosen = {name for pattern in _BY_NAME.findall(expression) for name in _OR.split(pattern)}
    bare = _LABELS.sub(" ", _COMMENT.sub("", _STRING.sub('""', expression)))
    return chosen | {name for name in _NAME.findall(bare) if name.lower() not in _WORDS}


def rule_expressions(texts: Iterable[str]) -> Iterator[str]:
    """Every expression of rule files."""
    for text in texts:
        document = cast(Mapping[str, Any], load(text))
        for group in document["groups"]:
            for rule in group.get("rules") or ():
                yield str(rule["expr"])
