"""Alertmanager's own tool accepts the configuration for every set of secrets, and routes each alert where it belongs."""

import re
import subprocess
from collections.abc import Collection
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.alertmanager_config import SECRETS, without_missing_secrets
from settings.secret_table import ALERT_FILES
from tests.support.tool_process import tool

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "config/alertmanager/alertmanager.yaml").read_text()
CONFIG: dict[str, Any] = yaml.safe_load(TEXT)
SUBSETS = list(chain.from_iterable(combinations(ALERT_FILES, size) for size in range(len(ALERT_FILES) + 1)))
PAGERS = ("pagerduty_configs", "opsgenie_configs", "victorops_configs", "pushover_configs", "sns_configs")
ENVIRONMENTS = ("prod", "dev", "local", "")


def amtool(folder: Path, text: str, *args: str) -> subprocess.CompletedProcess[str]:
    file = folder / "alertmanager.yaml"
    file.write_text(text)
    command = [tool("amtool"), *[arg.format(file=file) for arg in args]]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def receivers(folder: Path, text: str, **labels: str) -> list[str]:
    """The receivers that an alert with these labels goes to."""
    pairs = [f"{name}={value}" for name, value in labels.items() if value]
    done = amtool(folder, text, "config", "routes", "test", "--config.file={file}", *pairs)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split(",")


def integrations(text: str, receiver: str) -> set[str]:
    """The kinds of integration that a receiver has."""
    (found,) = [each for each in yaml.safe_load(text)["receivers"] if each["name"] == receiver]
    return set(found) - {"name"}


@pytest.mark.parametrize("given", SUBSETS, ids=lambda given: "+".join(given) or "nothing")
def test_amtool_accepts_every_set_of_secrets(given: Collection[str], tmp_path: Path) -> None:
    done = amtool(tmp_path, without_missing_secrets(TEXT, given), "check-config", "{file}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("receiver: page", "receiver: pager"),
        ("routing_key_file", "routing_key_fil"),
        ('severity="critical", environment', 'severity=="critical", environment'),
        ("repeat_interval: 1m", "repeat_interval: soon"),
    ],
)
def test_amtool_refuses_a_broken_configuration(right: str, wrong: str, tmp_path: Path) -> None:
    assert right in TEXT
    assert amtool(tmp_path, TEXT.replace(right, wrong), "check-config", "{file}").returncode != 0


ROUTES = [
    ("critical", "prod", "page"),
    ("critical", "dev", "notify"),
    ("critical", "local", "notify"),
    ("critical", "", "notify"),
    ("warning", "prod", "notify"),
    ("warning", "dev", "notify"),
    ("info", "prod", "inform"),
    ("info", "dev", "inform"),
    ("none", "prod", "notify"),
    ("", "prod", "notify"),
]


@pytest.mark.parametrize(("severity", "environment", "receiver"), ROUTES)
def test_each_severity_reaches_its_receiver(severity: str, environment: str, receiver: str, tmp_path: Path) -> None:
    labels = {"alertname": "HighErrorRate", "service": "api", "severity": severity, "environment": environment}
    assert receivers(tmp_path, TEXT, **labels) == [receiver]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_watchdog_goes_to_the_dead_mans_switch_and_nothing_else_does(environment: str, tmp_path: Path) -> None:
    watchdog = {"alertname": "Watchdog", "severity": "none", "environment": environment}
    assert receivers(tmp_path, TEXT, **watchdog) == ["dead-mans-switch"]
    for severity in ("critical", "warning", "info", "none"):
        labels = {"alertname": "WatchdogLike", "severity": severity, "environment": environment}
        assert receivers(tmp_path, TEXT, **labels) != ["dead-mans-switch"]


def paged(folder: Path, text: str) -> set[tuple[str, str]]:
    """Every (severity, environment) that wakes somebody."""
    return {
        (severity, environment)
        for severity in ("critical", "warning", "info", "none", "")
        for environment in (*ENVIRONMENTS, "production", "PROD", "staging")
        for receiver in receivers(folder, text, alertname="Any", severity=severity, environment=environment)
        if integrations(text, receiver) & set(PAGERS)
    }


@pytest.mark.parametrize("given", [(), ("pagerduty-key",), tuple(ALERT_FILES)], ids=["nothing", "a pager", "all"])
def test_only_critical_alerts_of_production_wake_anybody(given: Collection[str], tmp_path: Path) -> None:
    assert paged(tmp_path, without_missing_secrets(TEXT, given)) == (
        {("critical", "prod")} if "pagerduty-key" in given else set()
    )


def test_a_pager_for_every_environment_is_seen(tmp_path: Path) -> None:
    assert ("critical", "dev") in paged(tmp_path, TEXT.replace(', environment="prod"', ""))


def test_routes_and_receivers_do_not_depend_on_what_is_given() -> None:
    """So what holds for the whole file's routes holds for every set of secrets."""
    for given in SUBSETS:
        config = yaml.safe_load(without_missing_secrets(TEXT, given))
        assert {key: config[key] for key in config if key != "receivers"} == {
            key: CONFIG[key] for key in CONFIG if key != "receivers"
        }
        assert [each["name"] for each in config["receivers"]] == [each["name"] for each in CONFIG["receivers"]]


def test_whoever_is_given_hears_of_critical_alerts_of_production(tmp_path: Path) -> None:
    for given in SUBSETS:
        left = integrations(without_missing_secrets(TEXT, given), "page")
        assert len(left) == len(set(given) - {"deadman-url"})


def test_nobody_hears_of_the_end_of_a_remark_or_of_the_watchdog() -> None:
    for receiver in CONFIG["receivers"]:
        told = {each["send_resolved"] for kind in set(receiver) - {"name"} for each in receiver[kind]}
        assert told == {receiver["name"] in ("page", "notify")}, receiver["name"]


def _files(item: Any) -> list[str]:
    if isinstance(item, dict):
        return [
            found for key, value in item.items() for found in ([value] if str(key).endswith("_file") else _files(value))
        ]
    return [found for each in item for found in _files(each)] if isinstance(item, list) else []


def test_the_files_named_are_those_that_the_program_writes() -> None:
    assert {Path(file).name for file in _files(CONFIG)} == set(ALERT_FILES)
    assert {Path(file).parent for file in _files(CONFIG)} == {Path(SECRETS)}


def test_no_address_or_key_stands_in_the_configuration() -> None:
    assert re.findall(r"\b(?:api_url|webhook_url|url|routing_key|service_key|password|token):", TEXT) == []
    assert "://" not in TEXT


def test_every_message_says_what_where_and_what_to_do() -> None:
    told = ("alertname", "environment", "summary", "description", "detail", "runbook_url")
    for receiver in CONFIG["receivers"]:
        for kind, found in receiver.items():
            if kind in ("slack_configs", "msteamsv2_configs", "pagerduty_configs"):
                for each in found:
                    text = yaml.safe_dump(each, width=10_000)
                    assert [word for word in told if word not in text] == [], (receiver["name"], kind)


def _alerts() -> dict[str, str]:
    """Every alert that ships, with its severity."""
    return {
        rule["alert"]: rule["labels"]["severity"]
        for path in sorted((ROOT / "rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def test_every_alert_has_a_severity_that_is_routed() -> None:
    assert set(_alerts().values()) <= {"critical", "warning", "info", "none"}
    assert [name for name, severity in _alerts().items() if severity == "none"] == ["Watchdog"]


def _named(matchers: list[str]) -> set[str]:
    return {
        name
        for matcher in matchers
        if (found := re.fullmatch(r'alertname=~?"([^"]+)"', matcher))
        for name in found[1].split("|")
    }


def test_every_alert_that_an_inhibition_names_ships() -> None:
    named = {
        name
        for rule in CONFIG["inhibit_rules"]
        for key in ("source_matchers", "target_matchers")
        for name in _named(rule[key])
    }
    assert len(named) > 10
    assert named <= set(_alerts())


def test_a_critical_alert_is_silenced_in_one_case_and_by_one_as_loud() -> None:
    alerts = _alerts()
    silenced: set[tuple[str, str]] = set()
    for rule in CONFIG["inhibit_rules"]:
        targets = _named(rule["target_matchers"])
        bounded = 'severity=~"warning|info"' in rule["target_matchers"] or 'severity="info"' in rule["target_matchers"]
        assert bounded or targets
        critical = {name for name in targets if alerts[name] == "critical" and not bounded}
        silenced |= set(product(_named(rule["source_matchers"]), critical))
        assert {"environment", "cluster"} <= set(rule["equal"])
        assert "Watchdog" not in targets
    assert silenced == {("WorkloadDown", "ServiceUnreachable")}
    assert alerts["WorkloadDown"] == "critical"
