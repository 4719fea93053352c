"""What a PromQL expression names, read by a real parser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser
from promql_parser import MatchOp

# What Grafana puts into an expression before Prometheus sees it, with a value of each kind.
GRAFANA = {"$__rate_interval": "1m", "$__range": "3h", "$__interval": "15s", "$__auto": "15s"}
VARIABLE = re.compile(r"\$(?:\w+|\{\w+(?::\w+)?\})")


@dataclass(frozen=True)
class Matcher:
    """A label and what is asked of its value, be it to have it or not."""

    label: str
    value: str
    is_pattern: bool


@dataclass(frozen=True)
class Selector:
    """A series by name, with its matchers. ``name`` is a pattern where the series is chosen by one."""

    name: str
    matchers: tuple[Matcher, ...]
    by_pattern: bool = False

    @property
    def labels(self) -> frozenset[str]:
        """The labels that the matchers ask for."""
        return frozenset(matcher.label for matcher in self.matchers)


def filled(expression: str) -> str:
    """The expression as Grafana would send it, with ``.*`` for each variable."""
    for variable, value in GRAFANA.items():
        expression = expression.replace(variable, value)
    return VARIABLE.sub(".*", expression)


def selectors(expression: str) -> list[Selector]:
    """Every selector of an expression. Raises ValueError where it does not parse."""
    return [
        _selector(each)
        for each in _walk(promql_parser.parse(expression))
        if isinstance(each, promql_parser.VectorSelector)
    ]


LOG_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


def log_matchers(expression: str) -> list[Matcher]:
    """Every matcher of a LogQL query, of streams and of fields; what a line contains has no label before it."""
    return [
        Matcher(label, value, is_pattern="~" in operator) for label, operator, value in LOG_MATCHER.findall(expression)
    ]


LOGSQL_MATCHER = re.compile(r'([\w.]+)"?(=~|!~|!=|=|:=|:~)"((?:[^"\\]|\\.)*)"')
LOGSQL_ANCHORED = re.compile(r"\^\(\?:(.*)\)\$")


def logsql_matchers(expression: str) -> list[Matcher]:
    """Every matcher of a LogsQL query of ours, of streams and of fields; what a line contains has no field before it."""
    found: list[Matcher] = []
    for field, operator, value in LOGSQL_MATCHER.findall(expression):
        anchored = LOGSQL_ANCHORED.fullmatch(value)
        found.append(Matcher(field, anchored[1] if anchored else value, is_pattern="~" in operator))
    return found


def log_grouping(expression: str) -> set[str]:
    """The labels or fields by which a query of logs counts."""
    return {name.strip() for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in names.split(",")} - {
        "lines"
    }


def grouping_labels(expression: str) -> set[str]:
    """The labels that aggregations and matches between vectors are made by."""
    labels: set[str] = set()
    for each in _walk(promql_parser.parse(expression)):
        modifier = getattr(each, "modifier", None)
        if isinstance(each, promql_parser.AggregateExpr) and modifier is not None:
            labels |= set(modifier.labels)
        elif isinstance(each, promql_parser.BinaryExpr) and modifier is not None and modifier.matching is not None:
            labels |= set(modifier.matching.labels)
    return labels


def made_labels(expression: str) -> set[str]:
    """The labels that the expression itself makes by label_replace or label_join."""
    made: set[str] = set()
    for each in _walk(promql_parser.parse(expression)):
        if isinstance(each, promql_parser.Call) and each.func.name in ("label_replace", "label_join"):
            target = each.args[1]
            assert isinstance(target, promql_parser.StringLiteral)
            made.add(target.val)
    return made


def _walk(root: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    nodes: list[promql_parser.Expr] = []
    promql_parser.walk(root, pre_visit=lambda node: nodes.append(node))
    yield from nodes


def _selector(vector: promql_parser.VectorSelector) -> Selector:
    pattern = next((each.value for each in vector.matchers.matchers if each.name == "__name__"), "")
    matchers = tuple(
        Matcher(each.name, each.value, is_pattern=each.op in (MatchOp.Re, MatchOp.NotRe))
        for each in vector.matchers.matchers
        if each.name != "__name__"
    )
    return Selector(vector.name or pattern, matchers, by_pattern=vector.name is None)
