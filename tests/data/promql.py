"""What a PromQL expression names, read by a real parser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser

# What Grafana puts into an expression before Prometheus sees it, with a value of each kind.
GRAFANA = {"$__rate_interval": "1m", "$__range": "3h", "$__interval": "15s", "$__auto": "15s"}
VARIABLE = re.compile(r"\$(?:\w+|\{\w+(?::\w+)?\})")


@dataclass(frozen=True)
class Selector:
    """A series by name, with the labels that its matchers ask for. `name` is a pattern where the series is chosen by one."""

    name: str
    labels: frozenset[str]
    by_pattern: bool = False


def filled(expression: str) -> str:
    """The expression as Grafana would send it, with `.*` for each variable."""
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
    names = {matcher.name: matcher.value for matcher in vector.matchers.matchers}
    pattern = names.pop("__name__", None)
    return Selector(vector.name or pattern or "", frozenset(names), by_pattern=vector.name is None)
