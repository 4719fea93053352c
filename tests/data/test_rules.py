"""The rule files, judged by Prometheus's own tool and by the guide."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from promtool import promtool, said

from catalog import Alert, load_rules

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
TESTS = Path(__file__).parent / "rules"
FILES = load_rules(RULES)
ALERTS = [(file.name, alert) for file in FILES for alert in file.alerts]
# Fires always, by its purpose: no input can keep it silent.
ALWAYS = "Watchdog"

# Word for word from the guide: threshold, duration, severity, summary, description.
GUIDE = {
    "HighErrorRate": (
        "> 0.05",
        "5m",
        "critical",
        "High error rate (>5%) on API",
        "More than 5% of HTTP requests failed in the last 5 minutes.",
    ),
    "HighLatency": (
        "> 0.2",
        "5m",
        "warning",
        "High API latency (p95 > 200ms)",
        "The 95th percentile response time exceeds 200ms.",
    ),
    "RedisSaturation": (
        "> 0.8",
        "10m",
        "warning",
        "Redis memory usage high (>80%)",
        "Redis is nearing its memory limit; consider scaling or cleaning up.",
    ),
}


def rules_of(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from group["rules"]


def named(value: object) -> str | None:
    return value.name if isinstance(value, Alert) else None


def test_promtool_accepts_every_rule_file_without_a_warning() -> None:
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.iterdir()))
    assert answer.returncode == 0, said(answer)


@pytest.mark.parametrize("file", sorted(TESTS.glob("*_test.yaml")), ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(file: Path) -> None:
    answer = promtool("test", "rules", file)
    assert answer.returncode == 0, said(answer)


@pytest.mark.parametrize("file", sorted(TESTS.glob("*_test.yaml")), ids=lambda path: path.stem)
def test_the_values_of_a_test_are_text(file: Path) -> None:
    """Without quotes YAML takes `0x30` for a number: broken rules would be judged by other values than the real ones."""
    values = [series["values"] for test in yaml.safe_load(file.read_text())["tests"] for series in test["input_series"]]
    assert [each for each in values if not isinstance(each, str)] == []


def test_every_rule_file_has_tests() -> None:
    assert {f"{file.name.removesuffix('.yaml')}_test.yaml" for file in FILES} <= {path.name for path in TESTS.iterdir()}


def test_the_guides_group_holds_the_guides_three_alerts_and_no_other() -> None:
    groups = yaml.safe_load((RULES / "trading_platform.yaml").read_text())["groups"]
    assert [group["name"] for group in groups] == ["trading_platform_alerts"]
    assert [rule["alert"] for rule in groups[0]["rules"]] == list(GUIDE)


@pytest.mark.parametrize("name", GUIDE)
def test_the_guides_alerts_have_its_threshold_duration_severity_and_words(name: str) -> None:
    rule = next(rule for rule in rules_of(RULES / "trading_platform.yaml") if rule["alert"] == name)
    threshold, hold, severity, summary, description = GUIDE[name]
    assert rule["expr"].strip().endswith(threshold)
    assert rule["for"] == hold
    assert rule["labels"]["severity"] == severity
    assert rule["annotations"]["summary"] == summary
    assert rule["annotations"]["description"] == description


def test_only_the_watchdog_has_no_severity_to_act_on() -> None:
    assert [alert.name for _, alert in ALERTS if alert.severity not in ("critical", "warning")] == [ALWAYS]


def test_the_test_of_literal_expressions_uses_the_guides_letters() -> None:
    literal = {rule["alert"]: rule["expr"] for rule in rules_of(TESTS / "guide_literal.yaml")}
    assert literal == {
        "LiteralHighErrorRate": 'rate(http_requests_total{status!~"2.."}[5m]) / rate(http_requests_total[5m]) > 0.05',
        "LiteralHighLatency": "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m])) > 0.2",
        "LiteralRedisSaturation": "redis_memory_used_bytes / redis_memory_max_bytes > 0.8",
    }


# The tests of the rules are tested themselves: each alert is broken in turn, and its file's tests must notice.


@pytest.mark.parametrize(("file", "alert"), ALERTS, ids=named)
def test_an_alert_that_never_fires_fails_its_tests(file: str, alert: Alert, tmp_path: Path) -> None:
    assert broken(file, alert.name, {"expr": "vector(1) > 2"}, tmp_path), f"no test sees {alert.name} fire"


@pytest.mark.parametrize(("file", "alert"), [each for each in ALERTS if each[1].name != ALWAYS], ids=named)
def test_an_alert_that_always_fires_fails_its_tests(file: str, alert: Alert, tmp_path: Path) -> None:
    change = {"expr": "vector(1)", "for": "0s"}
    assert broken(file, alert.name, change, tmp_path), f"no test sees {alert.name} stay silent"


@pytest.mark.parametrize(("file", "alert"), [each for each in ALERTS if each[1].for_ != "0s"], ids=named)
@pytest.mark.parametrize("minutes", [-1, 1], ids=["early", "late"])
def test_an_alert_that_fires_a_minute_early_or_late_fails_its_tests(
    file: str, alert: Alert, minutes: int, tmp_path: Path
) -> None:
    hold = f"{int(alert.for_.removesuffix('m')) + minutes}m"
    assert broken(file, alert.name, {"for": hold}, tmp_path), f"no test sees {alert.name} after {hold} for {alert.for_}"


@pytest.mark.parametrize(
    ("name", "found", "put"),
    [
        ("HighErrorRate", '"[45].."', '"5.."'),
        ("HighErrorRate", '"[45].."', '"[345].."'),
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
    ],
)
def test_a_guard_or_a_word_less_in_the_guides_alerts_fails_their_tests(
    name: str, found: str, put: str, tmp_path: Path
) -> None:
    expr = next(rule["expr"] for rule in rules_of(RULES / "trading_platform.yaml") if rule["alert"] == name)
    assert found in expr
    assert broken("trading_platform.yaml", name, {"expr": expr.replace(found, put)}, tmp_path)


# Words of ours that carry the meaning of an alert: what fires too much or too little without each of them.
WORDS = yaml.safe_load((TESTS / "words.yaml").read_text())


@pytest.mark.parametrize(("name", "found", "put"), WORDS, ids=[f"{name}: {found}" for name, found, _ in WORDS])
def test_a_word_that_is_changed_fails_the_tests_of_its_alert(name: str, found: str, put: str, tmp_path: Path) -> None:
    file = next(file for file, alert in ALERTS if alert.name == name)
    expr = next(rule["expr"] for rule in rules_of(RULES / file) if rule.get("alert") == name)
    assert found in expr
    assert broken(file, name, {"expr": expr.replace(found, put)}, tmp_path)


RECORDED = [
    pytest.param(file.name, number, id=f"{rule['record']}-{number}")
    for file in FILES
    for number, rule in enumerate(rules_of(RULES / file.name))
    if "record" in rule
]


@pytest.mark.parametrize(("file", "number"), RECORDED)
def test_a_recording_rule_that_gives_nothing_fails_its_tests(file: str, number: int, tmp_path: Path) -> None:
    rules = list(rules_of(RULES / file))
    rules[number] = rules[number] | {"expr": "vector(1) > 2"}
    stem = file.removesuffix(".yaml")
    tests = [yaml.safe_load(path.read_text()) for path in sorted(TESTS.glob(f"{stem}_test.yaml"))]
    assert any(fails(file, rules, each, tmp_path) for each in tests), f"no test asks for {rules[number]['record']}"


def broken(file: str, alert: str, change: dict[str, str], folder: Path) -> bool:
    """Whether the tests of an alert fail when fields of it are changed.

    It stands alone with what its file records: its neighbours only cost time.
    """
    rules = list(rules_of(RULES / file))
    recorded = [rule for rule in rules if "record" in rule]
    rule = next(rule for rule in rules if rule.get("alert") == alert)
    tests = yaml.safe_load((TESTS / f"{file.removesuffix('.yaml')}_test.yaml").read_text())
    tests["tests"] = [test for test in tests["tests"] if alert in asked_for(test)]
    assert tests["tests"], f"{alert} has no tests"
    return fails(file, [*recorded, rule | change], tests, folder)


def fails(file: str, rules: list[dict[str, Any]], tests: dict[str, Any], folder: Path) -> bool:
    """Whether tests fail with these rules in place of the file's. A test that cannot run is no failure but a fault of ours."""
    (folder / file).write_text(json.dumps({"groups": [{"name": "broken", "rules": rules}]}))
    (folder / "test.yaml").write_text(json.dumps(tests | {"rule_files": [file]}))
    answer = promtool("test", "rules", folder / "test.yaml")
    assert answer.returncode == 0 or "FAILED" in answer.stdout + answer.stderr, said(answer)
    return answer.returncode != 0


def asked_for(test: dict[str, Any]) -> set[str]:
    """The alerts that one test of a test file asks about."""
    asked = {each["alertname"] for each in test.get("alert_rule_test", ())}
    for each in test.get("promql_expr_test", ()):
        for operator, names in re.findall(r'alertname(=~?)"([^"]+)"', each["expr"]):
            asked |= (
                {names} if operator == "=" else {alert.name for _, alert in ALERTS if re.fullmatch(names, alert.name)}
            )
    return asked
