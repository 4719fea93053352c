"""The rules with one thing changed in each, and whether the tests of their file notice the change.

One promtool judges many changes, each test of a change with files of its own, so that each verdict stays that of one change.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

from catalog import Alert, load_rules
from tests.data.promtool import promtool, said, suites

RULES = Path(__file__).parents[2] / "rules"
TESTS = Path(__file__).parent / "rules"
FILES = load_rules(RULES)
ALERTS = [(file.name, alert) for file in FILES for alert in file.alerts]
ALWAYS = "Watchdog"
"""Fires always, by its purpose: no input can keep it silent."""
WORDS: list[tuple[str, str, str]] = yaml.safe_load((TESTS / "words.yaml").read_text())
"""Words of ours that carry the meaning of an alert: what fires too much or too little without each of them."""
GUARDS = [
    ("HighErrorRate", '"[45].."', '"5.."'),
    ("HighErrorRate", '"[45].."', '"[345].."'),
    ("HighErrorRate", ', status!="499"', ""),
    ("HighErrorRate", "sum by (service)", "sum by (service, status)"),
    ("HighErrorRate", "sum by (service)", "sum"),
    ("HighErrorRate", "> 0.05", ">= 0.05"),
    ("HighErrorRate", "> 0.05", "> 0.1"),
    ("HighLatency", '{route!~"/api/streams(/.*)?"}', ""),
    ("HighLatency", "streams(/.*)?", "streams.*"),
    ("HighLatency", "(service, le)", "(service, route, le)"),
    ("HighLatency", "0.95", "0.90"),
    ("HighLatency", "> 0.2", ">= 0.2"),
    ("RedisSaturation", " > 0)", " >= 0)"),
    ("RedisSaturation", "> 0.8", ">= 0.8"),
]
"""The same of the guide's alerts."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mutation:
    """A rule of a file, by its number there, with other fields. ``title`` tells it from the others of its kind."""

    file: str
    rule: int
    title: str
    change: Mapping[str, str]


class _Case(NamedTuple):
    """One test with the rules that it needs, both as files: what is the same for several mutations is judged once."""

    rules: str
    test: str


@cache
def rules_of(file: str) -> tuple[dict[str, Any], ...]:
    """The rules of a file, in their order."""
    groups = yaml.safe_load((RULES / file).read_text())["groups"]
    return tuple(rule for group in groups for rule in group["rules"])


@cache
def _tests_of(file: str) -> dict[str, Any]:
    return yaml.safe_load((TESTS / f"{file.removesuffix('.yaml')}_test.yaml").read_text())


def _of_alert(file: str, alert: str, title: str, **change: str) -> Mutation:
    number = next(number for number, rule in enumerate(rules_of(file)) if rule.get("alert") == alert)
    return Mutation(file=file, rule=number, title=title, change=change)


def _of_expression(alert: str, found: str, put: str) -> Mutation:
    """One with ``put`` for every ``found`` in the alert's expression."""
    file = next(file for file, each in ALERTS if each.name == alert)
    expr = next(rule["expr"] for rule in rules_of(file) if rule.get("alert") == alert)
    assert found in expr, f"{alert} has no {found!r} to change"
    return _of_alert(file, alert, f"{alert}: {found} → {put}", expr=expr.replace(found, put))


def _of_hold(file: str, alert: Alert, minutes: int) -> Mutation:
    hold = f"{int(alert.for_.removesuffix('m')) + minutes}m"
    return _of_alert(file, alert.name, f"{alert.name} after {hold} for {alert.for_}", **{"for": hold})


UNCHANGED = [
    Mutation(file=file.name, rule=number, title=f"{rule.get('alert') or rule['record']}-{number}", change={})
    for file in FILES
    for number, rule in enumerate(rules_of(file.name))
]
NEVER = [_of_alert(file, alert.name, alert.name, expr="vector(1) > 2") for file, alert in ALERTS]
AT_ONCE = [
    _of_alert(file, alert.name, alert.name, **{"expr": "vector(1)", "for": "0s"})
    for file, alert in ALERTS
    if alert.name != ALWAYS
]
EARLY_OR_LATE = [_of_hold(file, alert, by) for by in (-1, 1) for file, alert in ALERTS if alert.for_ != "0s"]
GUARDED = [_of_expression(*each) for each in GUARDS]
WORDED = [_of_expression(*each) for each in WORDS]
UNRECORDED = [
    Mutation(file=file.name, rule=number, title=f"{rule['record']}-{number}", change={"expr": "vector(1) > 2"})
    for file in FILES
    for number, rule in enumerate(rules_of(file.name))
    if "record" in rule
]
MUTATIONS = [*UNCHANGED, *NEVER, *AT_ONCE, *EARLY_OR_LATE, *GUARDED, *WORDED, *UNRECORDED]


def noticed(mutation: Mutation) -> bool:
    """Whether the tests of the rule's file fail with this change."""
    return _judged(mutation.file)[mutation]


@cache
def _judged(file: str) -> dict[Mutation, bool]:
    """Each mutation of a file, and whether it is noticed. The quickest tests are asked first: one that fails is enough."""
    left = {
        mutation: [_case(mutation, test) for test in _judges(mutation)]
        for mutation in MUTATIONS
        if mutation.file == file
    }
    judged, known = dict.fromkeys(left, False), dict[_Case, bool]()
    while left := {mutation: cases for mutation, cases in left.items() if cases and not judged[mutation]}:
        known |= _failing({cases[0] for cases in left.values()} - known.keys())
        judged |= {mutation: known[cases[0]] for mutation, cases in left.items()}
        left = {mutation: cases[1:] for mutation, cases in left.items()}
    return judged


def _judges(mutation: Mutation) -> list[dict[str, Any]]:
    """The tests that ask for the rule, in the order of the time that they look at."""
    rules = rules_of(mutation.file)
    found = [test for test in _tests_of(mutation.file)["tests"] if mutation.rule in _needed_by(test, rules)]
    assert found, f"no test asks for {mutation.title}"
    return sorted(found, key=_minutes)


def _minutes(test: Mapping[str, Any]) -> float:
    """How long after its start a test looks for the last time."""
    checks = [*test.get("alert_rule_test", ()), *test.get("promql_expr_test", ())]
    parts = {"d": 1440, "h": 60, "m": 1, "s": 1 / 60}
    return max(
        sum(int(number) * parts[unit] for number, unit in re.findall(r"(\d+)([dhms])", each["eval_time"]))
        for each in checks
    )


def _case(mutation: Mutation, test: dict[str, Any]) -> _Case:
    """The changed rule among those that the test needs: all others would only cost time."""
    rules = list(rules_of(mutation.file))
    needed = _needed_by(test, rules)
    rules[mutation.rule] = {**rules[mutation.rule], **mutation.change}
    changed = [rule for number, rule in enumerate(rules) if number in needed]
    whole = {**_tests_of(mutation.file), "rule_files": [], "tests": [test]}
    return _Case(json.dumps({"groups": [{"name": "changed", "rules": changed}]}), json.dumps(whole))


def _failing(cases: Set[_Case]) -> dict[_Case, bool]:
    """Whether each test fails. A rule that is none, or a test that cannot run, is a fault of ours."""
    if not cases:
        return {}
    with TemporaryDirectory() as name:
        folder, files = Path(name), dict[_Case, Path]()
        for case in cases:
            rules = _file(folder, case.rules)
            files[case] = _file(folder, json.dumps(json.loads(case.test) | {"rule_files": [rules.name]}))
        checked = promtool("check", "rules", *{_file(folder, case.rules) for case in cases})
        assert checked.returncode == 0, said(checked)
        found = suites(files.values())
    assert {suite.tests for suite in found.values()} == {1}
    return {case: found[file.name].failures > 0 for case, file in files.items()}


def _file(folder: Path, text: str) -> Path:
    """A file that is named by what is in it."""
    path = folder / hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text)
    return path


def _needed_by(test: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> set[int]:
    """The numbers of the rules that the test asks for, and of those whose records these read."""
    asked = asked_for(test)
    needed = {number for number, rule in enumerate(rules) if rule.get("alert") in asked}
    texts = [each["expr"] for each in test.get("promql_expr_test", ())]
    texts += [rules[number]["expr"] for number in needed]
    while texts:
        read = set(re.findall(r"[\w:]+", texts.pop()))
        found = {number for number, rule in enumerate(rules) if rule.get("record") in read} - needed
        texts += [rules[number]["expr"] for number in found]
        needed |= found
    return needed


def asked_for(test: Mapping[str, Any]) -> set[str]:
    """The alerts that one test of a test file asks about."""
    asked = {each["alertname"] for each in test.get("alert_rule_test", ())}
    return asked.union(*(_named(each["expr"]) for each in test.get("promql_expr_test", ())))


def _named(expression: str) -> Iterator[str]:
    for operator, names in re.findall(r'alertname(=~?)"([^"]+)"', expression):
        yield from [names] if operator == "=" else [each.name for _, each in ALERTS if re.fullmatch(names, each.name)]
