"""The rule files, judged by Prometheus's own tool and by the guide."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.data.promtool import promtool, said
from tests.data.rule_mutations import ALERTS, ALWAYS, FILES, RULES, TESTS

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


def test_promtool_accepts_every_rule_file_without_a_warning() -> None:
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.iterdir()))
    assert answer.returncode == 0, said(answer)


@pytest.mark.parametrize("file", sorted(TESTS.glob("*_test.yaml")), ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(file: Path) -> None:
    answer = promtool("test", "rules", file)
    assert answer.returncode == 0, said(answer)


@pytest.mark.parametrize("file", sorted(TESTS.glob("*_test.yaml")), ids=lambda path: path.stem)
def test_the_values_of_a_test_are_text(file: Path) -> None:
    """Without quotes YAML takes ``0x30`` for a number: broken rules would be judged by other values than the real ones."""
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
