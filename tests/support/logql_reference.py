"""What a log query of ours finds, by the meaning of LogQL, evaluated over a list of records."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.log_queries import Count, LineFilter, Lines, Matcher


@dataclass(frozen=True)
class Entry:
    """A record as Loki shows it: labels and structured metadata, and the line."""

    labels: Mapping[str, str]
    line: str


def passes(query: Lines, entry: Entry) -> bool:
    """Whether the entry is among the lines of the query."""
    return all(_asked(each, entry) for each in (*query.selector, *query.filters))


def sums(query: Count, entries: Iterable[Entry]) -> dict[tuple[str, ...], int]:
    """How many lines there are for each value of the query's labels."""
    found = Counter(
        tuple(entry.labels.get(label, "") for label in query.by) for entry in entries if passes(query.lines, entry)
    )
    return dict(found.most_common(query.top))


def _asked(condition: Matcher | LineFilter, entry: Entry) -> bool:
    if isinstance(condition, LineFilter):
        there = (
            re.search(condition.text, entry.line) is not None if condition.is_pattern else condition.text in entry.line
        )
    else:
        value = entry.labels.get(condition.label, "")
        there = re.fullmatch(condition.value, value) is not None if condition.is_pattern else condition.value == value
    return there is not condition.is_negated
