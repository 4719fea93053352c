"""Which labels the answer to a PromQL expression can have, and where the expression asks for a label that its input lacks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import promql_parser
from promql_parser import AggModifierType, LabelModifierType, MatchOp, VectorMatchCardinality

SET_OPERATORS = ("and", "or", "unless")
# Of a call's arguments, the one whose series its answer has.
VECTOR_ARGUMENT = {"histogram_quantile": 1, "histogram_fraction": 2, "quantile_over_time": 1}


@dataclass
class Answer:
    """``labels`` of its series; ``faults`` say what was asked of labels that are not there."""

    labels: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list[str])

    def asked_for(self, wanted: list[str], by: str) -> None:
        """Notes each wanted label that the series do not have. Every series has a name."""
        self.faults += [f"{by} ({label}): its input has no such label" for label in wanted if label not in self._has]

    @property
    def _has(self) -> frozenset[str]:
        return self.labels | {"__name__"}


def answer_to(expression: str, series: Mapping[str, set[str]]) -> Answer:
    """What an expression gives when ``series`` are what there is, each with its labels."""
    return _answer(promql_parser.parse(expression), series)


def _answer(node: promql_parser.Expr, series: Mapping[str, set[str]]) -> Answer:
    if isinstance(node, promql_parser.VectorSelector):
        return Answer(_of_selector(node, series))
    if isinstance(node, promql_parser.MatrixSelector):
        return Answer(_of_selector(node.vector_selector, series))
    if isinstance(node, promql_parser.ParenExpr | promql_parser.SubqueryExpr | promql_parser.UnaryExpr):
        return _answer(node.expr, series)
    if isinstance(node, promql_parser.AggregateExpr):
        return _aggregated(node, series)
    if isinstance(node, promql_parser.BinaryExpr):
        return _matched(node, series)
    if isinstance(node, promql_parser.Call):
        return _called(node, series)
    return Answer()


def _of_selector(node: promql_parser.VectorSelector, series: Mapping[str, set[str]]) -> frozenset[str]:
    if node.name:
        return frozenset(series.get(node.name, ()))
    pattern = next(each.value for each in node.matchers.matchers if each.name == "__name__")
    return frozenset().union(*(labels for name, labels in series.items() if re.fullmatch(pattern, name)))


def _aggregated(node: promql_parser.AggregateExpr, series: Mapping[str, set[str]]) -> Answer:
    inner = _answer(node.expr, series)
    modifier = node.modifier
    if str(node.op) in ("topk", "bottomk", "limitk"):
        return inner
    if modifier is None:
        return Answer(faults=inner.faults)
    inner.asked_for(modifier.labels, f"{node.op} by")
    if modifier.type == AggModifierType.Without:
        return Answer(inner.labels - set(modifier.labels), inner.faults)
    return Answer(frozenset(modifier.labels), inner.faults)


def _matched(node: promql_parser.BinaryExpr, series: Mapping[str, set[str]]) -> Answer:
    left, right = _answer(node.lhs, series), _answer(node.rhs, series)
    operator, modifier = str(node.op), node.modifier
    matching = modifier.matching if modifier is not None else None
    by = list(matching.labels) if matching is not None else []
    if matching is not None:
        left.asked_for(by, f"{operator} left of on")
        right.asked_for(by, f"{operator} right of on")
    faults = left.faults + right.faults
    if operator == "or":
        return Answer(left.labels | right.labels, faults)
    if operator in SET_OPERATORS or _is_number(node.rhs):
        return Answer(left.labels, faults)
    if _is_number(node.lhs):
        return Answer(right.labels, faults)
    if modifier is not None and modifier.card == VectorMatchCardinality.ManyToOne:
        return Answer(left.labels | set(modifier.group_labels or ()), faults)
    if modifier is not None and modifier.card == VectorMatchCardinality.OneToMany:
        return Answer(right.labels | set(modifier.group_labels or ()), faults)
    if matching is not None and matching.type == LabelModifierType.Include:
        return Answer(frozenset(by), faults)
    return Answer(left.labels - set(by), faults)


def _called(node: promql_parser.Call, series: Mapping[str, set[str]]) -> Answer:
    name, arguments = node.func.name, node.args
    if not arguments or name in ("vector", "scalar", "time"):
        return Answer(faults=[fault for each in arguments for fault in _answer(each, series).faults])
    inner = _answer(arguments[VECTOR_ARGUMENT.get(name, 0)], series)
    if name in ("label_replace", "label_join"):
        target, *sources = (each.val for each in arguments[1:] if isinstance(each, promql_parser.StringLiteral))
        source = [sources[1]] if name == "label_replace" and sources[1] else []
        inner.asked_for(source, "label_replace from")
        return Answer(inner.labels | {target}, inner.faults)
    if name in ("absent", "absent_over_time"):
        return Answer(_equalities(arguments[0]), inner.faults)
    if name in ("histogram_quantile", "histogram_fraction"):
        inner.asked_for(["le"], name)
        return Answer(inner.labels - {"le"}, inner.faults)
    return inner


def _equalities(node: promql_parser.Expr) -> frozenset[str]:
    """The labels by which ``absent`` names what is absent."""
    selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
    if not isinstance(selector, promql_parser.VectorSelector):
        return frozenset()
    return frozenset(each.name for each in selector.matchers.matchers if each.op == MatchOp.Equal)


def _is_number(node: promql_parser.Expr) -> bool:
    """Whether this is a plain number, which takes no part in matching."""
    if isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr):
        return _is_number(node.expr)
    if isinstance(node, promql_parser.BinaryExpr):
        return _is_number(node.lhs) and _is_number(node.rhs)
    return isinstance(node, promql_parser.NumberLiteral) or (
        isinstance(node, promql_parser.Call) and node.func.name in ("time", "scalar", "pi")
    )
