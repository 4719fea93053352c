"""Whether the values that a query's matchers ask for are values that the label can have."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from tests.data.program_names import derived
from tests.support.emitted_series import TABLE, own_series
from tests.support.promql import Matcher

ANY = "any"
OWN_SERVICES = "own_services"
RANGE = re.compile(r"(\d+)\.\.(\d+)")
PLACEHOLDER = re.compile(r"<[^>]+>")
"""What the reader of a runbook fills in."""

Values = frozenset[str] | None
"""``None`` stands for values that nobody lists."""


@cache
def label_values() -> dict[str, dict[str, Values]]:
    """By emitted series, the labels whose values the table tells, with these values."""
    series: dict[str, dict[str, Values]] = {}
    for emitter in TABLE["emitters"].values():
        services = emitter.get("services", [emitter["deployed_by"]])
        common = TABLE["common_labels"][emitter["from"]]
        listed = {**emitter["series"], **emitter.get("histograms", {})}
        for name in own_series(emitter):
            own = listed.get(name) or listed.get(re.sub("_(bucket|sum|count)$", "", name), {})
            labels = common | (own if isinstance(own, Mapping) else {})
            series[name] = {label: _values(spec, services) for label, spec in labels.items()}
    return series


def recorded_values() -> dict[str, Values]:
    """The labels of what rules record."""
    return {label: _values(spec, []) for label, spec in TABLE["recorded_labels"].items()}


def log_values() -> dict[str, Values]:
    """The labels of log lines in Loki."""
    return {label: _values(spec, []) for label, spec in TABLE["log_labels"].items()}


def log_field_values() -> dict[str, Values]:
    """The fields of log records in VictoriaLogs."""
    return {field: _values(spec, []) for field, spec in TABLE["log_fields"].items()}


def _values(spec: object, services: object) -> Values:
    if spec == ANY:
        return None
    if spec == OWN_SERVICES:
        return _values(services, [])
    if isinstance(spec, list):
        return frozenset(spec)
    assert isinstance(spec, str), spec
    if bounds := RANGE.fullmatch(spec):
        return frozenset(str(number) for number in range(int(bounds[1]), int(bounds[2]) + 1))
    return derived()[spec]


def wrong_values(matcher: Matcher, known: list[Mapping[str, Values]]) -> Iterator[str]:
    """What a matcher asks for and no series has; ``known`` are the labels of each series that it may choose."""
    wanted = [each for each in _wanted(matcher) if each not in ("", ".*", ".+") and not PLACEHOLDER.search(each)]
    if not wanted:
        return
    declared = [labels[matcher.label] for labels in known if matcher.label in labels]
    if not declared:
        yield f"the table does not tell the values of {matcher.label}"
        return
    if None in declared:
        return
    possible = frozenset[str]().union(*(each for each in declared if each is not None))
    for each in wanted:
        found = each in possible if not matcher.is_pattern else any(re.fullmatch(each, value) for value in possible)
        if not found:
            yield f"{matcher.label} is never {each!r}"


def _wanted(matcher: Matcher) -> list[str]:
    return alternatives(matcher.value) if matcher.is_pattern else [matcher.value]


def alternatives(pattern: str) -> list[str]:
    """The patterns between which a pattern chooses, those of its groups multiplied out: ``a(b|c)`` is ``ab`` and ``ac``."""
    branches, depth = [""], 0
    for part in TOKEN.findall(pattern):
        depth += (part == "(") - (part == ")")
        if part == "|" and not depth:
            branches.append("")
        else:
            branches[-1] += part
    return [each for branch in branches for each in _multiplied(branch)]


TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|.")
"""Of a pattern: an escaped character, a class, or any other character."""
GROUP = re.compile(r"(?<!\\)\((?:\?:)?([^()\\]*)\)(?![*+?{])")
"""A group without another in it, that is there exactly once."""


def _multiplied(branch: str) -> list[str]:
    group = GROUP.search(branch)
    if group is None or "|" not in group[1]:
        return [branch]
    ends = _multiplied(branch[group.end() :])
    return [branch[: group.start()] + each + end for each in group[1].split("|") for end in ends]
