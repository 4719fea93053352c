"""The same log queries for VictoriaLogs, in LogsQL, and its records as Loki would show them.

Loki writes the names of OTLP attributes with underscores (``service_name``), VictoriaLogs as they are
(``service.name``). Loki detects a level, VictoriaLogs keeps the severity that a record came with: what asks for ``detected_level``
asks for that.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from catalog.log_queries import (
    EACH_STEP,
    STREAM_LABELS,
    Count,
    LineFilter,
    Lines,
    LogQueryError,
    Matcher,
    parse_log_query,
)

DOTTED_FIELDS = (
    "atlas.cut",
    "atlas.more",
    "atlas.new_ids",
    "atlas.original_time",
    "atlas.renamed",
    "deployment.environment.name",
    "deployment.environment.name.claimed",
    "err.code",
    "err.detail",
    "exception.message",
    "exception.stacktrace",
    "exception.type",
    "host.name.claimed",
    "k8s.cluster.name",
    "k8s.cluster.name.claimed",
    "k8s.container.name",
    "k8s.container.restart_count",
    "k8s.deployment.name",
    "k8s.namespace.name",
    "k8s.namespace.name.claimed",
    "k8s.node.name",
    "k8s.node.name.claimed",
    "k8s.pod.name",
    "k8s.pod.name.claimed",
    "k8s.pod.uid",
    "k8s.pod.uid.claimed",
    "k8s.statefulset.name",
    "log.file.path",
    "log.iostream",
    "log.time.claimed",
    "service.instance.id",
    "service.name",
    "service.name.claimed",
    "service.namespace",
    "service.namespace.claimed",
    "service.version",
)
"""Attributes whose name has dots; every other label is a field of its own name."""
SEVERITY = "severity_text"
LEVEL_LABEL = "detected_level"
LEVELS: Mapping[str, tuple[str, ...]] = {
    "trace": ("trace", "trc"),
    "debug": ("debug", "dbg"),
    "info": ("info", "inf", "information"),
    "warn": ("warn", "wrn", "warning"),
    "error": ("error", "err"),
    "fatal": ("fatal",),
    "critical": ("critical",),
}
"""Loki's levels with the words for each, in any case. OTLP's own names may end in 2 to 4. All else is ``unknown``."""
UNKNOWN = "unknown"
LINES = "lines"
"""The name of what a query counts."""

_FIELDS = {name.replace(".", "_"): name for name in DOTTED_FIELDS}
_RESERVED = {"and", "by", "if", "in", "not", "options", "or"}
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def to_logsql(query: str) -> str:
    """The LogsQL of a LogQL query of ours.

    Without a range of its own (``[$__auto]``) what counts does so for each step of the request, else for the time before it.

    Raises:
        LogQueryError: the query is none of ours, or nothing could ever match it.
    """
    parsed = parse_log_query(query)
    if not isinstance(parsed, Count):
        return _lines(parsed)
    labels = [field_of(label) for label in parsed.by]
    function = {"rate": "rate()", "count_over_time": "count()"}[parsed.function]
    by = f"by ({', '.join(labels)}) " if labels else ""
    parts = [
        ("" if parsed.range == EACH_STEP else f"_time:{parsed.range} ") + _lines(parsed.lines),
        *(_level_pipes() if LEVEL_LABEL in parsed.by else ()),
        f"stats {by}{function} as {LINES}",
        *([f"sort by ({LINES}) desc", f"limit {parsed.top}"] if parsed.top is not None else ()),
    ]
    return " | ".join(parts)


def field_of(label: str) -> str:
    """The field of VictoriaLogs that a label of Loki is."""
    name = _FIELDS.get(label, label)
    return f'"{name}"' if name in _RESERVED else name


def legend_of(legend: str) -> str:
    """A legend that names series by labels of Loki (``{{service_name}}``), by fields of VictoriaLogs."""
    return _LEGEND.sub(lambda found: f"{{{{{_FIELDS.get(found[1], found[1])}}}}}", legend)


def labels_of(record: Mapping[str, str]) -> dict[str, str]:
    """The labels and structured metadata that Loki would show of a record of VictoriaLogs."""
    labels = {re.sub(r"\W", "_", name): value for name, value in record.items() if not name.startswith("_")}
    if SEVERITY in labels:
        labels[LEVEL_LABEL] = level_of(labels[SEVERITY])
    return labels


def level_of(severity: str) -> str:
    """Loki's level of a record with this severity."""
    return next((level for level in LEVELS if re.fullmatch(_words([level]), severity)), UNKNOWN)


def _lines(query: Lines) -> str:
    stream = ", ".join(f"{field_of(each.label)}{each.operator}{_quoted(each.value)}" for each in query.selector)
    return " ".join([f"{{{stream}}}", *(found for each in query.filters for found in _filter(each))])


def _filter(each: Matcher | LineFilter) -> Iterator[str]:
    no = "!" if each.is_negated else ""
    if isinstance(each, LineFilter):
        yield f"{no}~{_quoted(each.text)}" if each.is_pattern else f"{no}*{_quoted(each.text)}*"
    elif each.label == LEVEL_LABEL:
        yield from _level_filter(each)
    elif each.label in STREAM_LABELS:
        yield f"{{{field_of(each.label)}{each.operator}{_quoted(each.value)}}}"
    elif each.is_pattern:
        yield f"{no}{field_of(each.label)}:~{_quoted(f'^(?:{each.value})$')}"
    else:
        yield f"{no}{field_of(each.label)}:={_quoted(each.value)}"


def _level_filter(matcher: Matcher) -> Iterator[str]:
    """The severities of the levels that pass. A level is one of a few, so each of them is tried."""
    levels = [*LEVELS, UNKNOWN]
    if matcher.is_pattern:
        passing = [each for each in levels if bool(re.fullmatch(matcher.value, each)) is not matcher.is_negated]
    else:
        passing = [each for each in levels if (each == matcher.value) is not matcher.is_negated]
    if not passing:
        fix = f"the levels are {', '.join(levels)}"
        raise LogQueryError(f"{LEVEL_LABEL}{matcher.operator}{_quoted(matcher.value)} matches no level; fix: {fix}")
    if passing == levels:
        return
    if UNKNOWN in passing:
        yield f"!{SEVERITY}:~{_quoted(_words(each for each in LEVELS if each not in passing))}"
    else:
        yield f"{SEVERITY}:~{_quoted(_words(passing))}"


def _level_pipes() -> Iterator[str]:
    """Write the level of each record into a field of Loki's name."""
    yield f'format "{UNKNOWN}" as {LEVEL_LABEL}'
    for level in LEVELS:
        yield f'format if ({SEVERITY}:~{_quoted(_words([level]))}) "{level}" as {LEVEL_LABEL}'


def _words(levels: Iterable[str]) -> str:
    words = "|".join(word for level in levels for word in LEVELS[level])
    return f"(?i)^({words})[2-4]?$"


def _quoted(text: str) -> str:
    """A text of LogsQL: Go's, in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", escaped) + '"'
