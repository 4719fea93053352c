"""The part of LogQL in which this project writes its log queries, parsed strictly.

    {service_name=~"api|workers"} |~ "(?i)rabbit" | detected_level=~"warn|error"
    topk(5, sum by (service_name) (rate({service_name=~".+"} [1h])))

Everything else is one ``LogQueryError`` with its position, so that each query can be written in the language of another store as
well (``catalog/logsql.py``). Patterns may hold Grafana's variables, and ranges ``$__auto``.
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

MatchOperator: TypeAlias = Literal["=", "!=", "=~", "!~"]
LineOperator: TypeAlias = Literal["|=", "!=", "|~", "!~"]
Function: TypeAlias = Literal["rate", "count_over_time"]

STREAM_LABELS = (
    "service_name",
    "deployment_environment_name",
    "k8s_namespace_name",
    "k8s_pod_name",
    "k8s_container_name",
)
"""What a selector may ask for: the labels of Loki's streams. Every other attribute is asked for after the selector, by ``|``."""
EACH_STEP = "$__auto"
"""The range of a query that is drawn over time: as long as a step of the panel."""


class LogQueryError(ValueError):
    """What is wrong with a query, as ``line:column: what; fix``."""


class _HasOperator(Protocol):
    @property
    def operator(self) -> str: ...


class _Condition:
    """What is asked of a value; the operator says whether by a pattern, and whether it must not be."""

    @property
    def is_pattern(self: _HasOperator) -> bool:
        return "~" in self.operator

    @property
    def is_negated(self: _HasOperator) -> bool:
        return self.operator.startswith("!")


@dataclass(frozen=True)
class Matcher(_Condition):
    """A label, be it of the stream or of the record, and what is asked of its value. A pattern has to match all of the value."""

    label: str
    operator: MatchOperator
    value: str


@dataclass(frozen=True)
class LineFilter(_Condition):
    """What the line has to contain, or must not. A pattern may match any part of it."""

    operator: LineOperator
    text: str


@dataclass(frozen=True)
class Lines:
    """The records that pass every matcher and filter."""

    selector: tuple[Matcher, ...]
    filters: tuple[Matcher | LineFilter, ...] = ()


@dataclass(frozen=True)
class Count:
    """How many lines there are within ``range``, or a second of it, summed by labels; of the highest sums ``top`` alone."""

    function: Function
    lines: Lines
    range: str
    by: tuple[str, ...] = ()
    top: int | None = None


LogQuery: TypeAlias = Lines | Count

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
      | (?P<range>\[\s*(?:\$__\w+|(?:\d+(?:ms|[smhdwy]))+)\s*\])
      | (?P<number>\d+)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>=~|!~|!=|\|=|\|~|[={}(),|])""",
    re.VERBOSE,
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


def parse_log_query(text: str) -> LogQuery:
    """The query that ``text`` is.

    Raises:
        LogQueryError: it is none of the part of LogQL that this project uses.
    """
    parser = _Parser(text)
    query = parser.query()
    parser.end()
    return query


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._next = 0

    def query(self) -> LogQuery:
        if self._sees("{"):
            return self._lines()
        name = self._take("name", "a selector in braces, or sum or topk")
        if name.text == "sum":
            return self._sum()
        if name.text != "topk":
            raise self._error(name, f"unknown function {name.text!r}", "use sum or topk")
        self._sign("(")
        top = int(self._take("number", "how many").text)
        self._sign(",")
        name = self._take("name", "sum")
        if name.text != "sum":
            raise self._error(name, f"{name.text!r} in topk", "use sum")
        inner = self._sum()
        self._sign(")")
        return Count(inner.function, inner.lines, inner.range, inner.by, top)

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._error(self._token, f"{self._token.text!r} after the query", "remove it")

    def _sum(self) -> Count:
        by: tuple[str, ...] = ()
        if self._token.text == "by":
            self._next += 1
            self._sign("(")
            by = tuple(self._list_of_labels())
            self._sign(")")
        self._sign("(")
        function = self._take("name", "rate or count_over_time")
        if function.text not in ("rate", "count_over_time"):
            raise self._error(function, f"unknown function {function.text!r}", "use rate or count_over_time")
        self._sign("(")
        lines = self._lines()
        over = self._take("range", "a range such as [5m]").text
        self._sign(")")
        self._sign(")")
        return Count(function.text, lines, over[1:-1].strip(), by)

    def _list_of_labels(self) -> list[str]:
        labels = [self._take("name", "a label").text]
        while self._sees(","):
            self._next += 1
            labels.append(self._take("name", "a label").text)
        return labels

    def _lines(self) -> Lines:
        begin = self._sign("{")
        selector = [self._stream_matcher()]
        while self._sees(","):
            self._next += 1
            selector.append(self._stream_matcher())
        self._sign("}")
        if all(_may_be_empty(each) for each in selector):
            fix = 'add a matcher that a stream without the label does not pass: service_name=~".+"'
            raise self._error(begin, "Loki refuses a selector that every stream may pass", fix)
        filters: list[Matcher | LineFilter] = []
        while True:
            sign = self._token
            if sign.text in ("|=", "|~", "!=", "!~"):
                self._next += 1
                filters.append(LineFilter(sign.text, self._string(pattern="~" in sign.text)))
            elif self._sees("|"):
                self._next += 1
                filters.append(self._matcher())
            else:
                return Lines(tuple(selector), tuple(filters))

    def _stream_matcher(self) -> Matcher:
        label = self._token
        found = self._matcher()
        if found.label not in STREAM_LABELS:
            what = f"{found.label} is no label of a stream (those are {', '.join(STREAM_LABELS)})"
            raise self._error(label, what, f"ask for it after the selector: | {found.label}{found.operator}…")
        return found

    def _matcher(self) -> Matcher:
        label = self._take("name", "a label")
        operator = self._token
        if operator.text not in ("=", "!=", "=~", "!~"):
            what = f"{operator.text or 'the end'!r} after the label {label.text}"
            raise self._error(operator, what, "use =, !=, =~ or !~")
        self._next += 1
        return Matcher(label.text, operator.text, self._string(pattern="~" in operator.text))

    def _string(self, *, pattern: bool) -> str:
        token = self._take("text", "a text in quotes")
        quoted = token.text
        if quoted[0] == "`":
            text = quoted[1:-1]
        else:
            for escape in _ESCAPE.finditer(quoted[1:-1]):
                if escape[4] is not None and escape[4] not in _ESCAPES:
                    fix = r"double the backslash, or put the text between backticks"
                    raise self._error(token, f"unknown escape {escape[0]!r}", fix)
            text = _ESCAPE.sub(_unescaped, quoted[1:-1])
        if pattern:
            try:
                re.compile(text)
            except re.error as error:
                raise self._error(token, f"no pattern: {error}", "correct it") from error
        return text

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _sees(self, sign: str) -> bool:
        return self._token.kind == "sign" and self._token.text == sign

    def _sign(self, sign: str) -> _Token:
        if not self._sees(sign):
            raise self._error(self._token, f"{self._token.text or 'the end'!r} in place of {sign!r}", "correct it")
        self._next += 1
        return self._tokens[self._next - 1]

    def _take(self, kind: str, what: str) -> _Token:
        token = self._token
        if token.kind != kind:
            raise self._error(token, f"{token.text or 'the end'!r} in place of {what}", "correct it")
        self._next += 1
        return token

    def _split(self, text: str) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                unread = _Token("", text[position], position)
                fix = "this project's queries do without it (see catalog/log_queries.py)"
                raise self._error(unread, f"unexpected {unread.text!r}", fix)
            if found.lastgroup != "space":
                tokens.append(_Token(found.lastgroup or "", found[0], position))
            position = found.end()
        return [*tokens, _Token("end", "", len(text))]

    def _error(self, token: _Token, what: str, fix: str) -> LogQueryError:
        before = self._text[: token.position]
        line, column = before.count("\n") + 1, token.position - before.rfind("\n")
        return LogQueryError(f"{line}:{column}: {what}; fix: {fix}")


def _unescaped(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    return chr(int(digits, 16)) if digits else _ESCAPES[escape[4]]


def _may_be_empty(matcher: Matcher) -> bool:
    """Whether a stream without the label may pass. Grafana's variable stands for anything."""
    if "$" in matcher.value:
        return True
    passes = bool(re.fullmatch(matcher.value, "")) if matcher.is_pattern else matcher.value == ""
    return passes is not matcher.is_negated
