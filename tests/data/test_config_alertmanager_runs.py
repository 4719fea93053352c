"""Alertmanager's configuration on the real Alertmanager: who is told, once, grouped, and of the end; who is not.

A minute lasts half a second.
"""

import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catalog.alertmanager_config import without_missing_secrets
from settings.secret_table import ALERT_FILES
from tests.support.addresses import loopback
from tests.support.alertmanager_process import Alertmanager, WebhookReceiver, labels
from tests.support.tool_process import running
from tests.support.waiting import wait_until

TEXT = (Path(__file__).parents[2] / "config/alertmanager/alertmanager.yaml").read_text()
MINUTE = 0.5
ALONE = (
    "--web.external-url=https://grafana.example.com/alerting",
    "--web.route-prefix=/",
    "--cluster.listen-address=",
    "--log.format=json",
)


@contextmanager
def alertmanager(folder: Path, configured: Collection[str]) -> Iterator[Alertmanager]:
    process = Alertmanager(
        folder,
        WebhookReceiver(),
        loopback(),
        without_missing_secrets(TEXT, configured),
        configured,
        minute=MINUTE,
        arguments=ALONE,
    )
    with running(process):
        yield process


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), tuple(ALERT_FILES)) as started:
        yield started


CHAT = ("slack-url", "teams-url", "webhook-url")


def _settled(alertmanager: Alertmanager, word: str, *names: str) -> None:
    """Wait until all of ``names`` have heard of ``word``, and a moment for those that must not."""
    wait_until(
        lambda: all(alertmanager.receiver.about(name, word) for name in names), 15, f"{word} at {', '.join(names)}"
    )
    time.sleep(1)


def test_a_critical_alert_of_production_reaches_everybody_with_what_they_need(everything: Alertmanager) -> None:
    alert = labels("HighErrorRate", "critical")
    everything.fire(alert)
    _settled(everything, alert["service"], "pagerduty-key", *CHAT)
    (page,) = everything.receiver.about("pagerduty-key", alert["service"])
    assert (page["routing_key"], page["event_action"], page["payload"]["severity"]) == (
        everything.key,
        "trigger",
        "critical",
    )
    assert page["payload"]["summary"] == f"[CRITICAL] prod: HighErrorRate of {alert['service']}"
    for name in ("pagerduty-key", "slack-url", "teams-url"):
        (message,) = everything.receiver.about(name, alert["service"])
        text = json.dumps(message)
        for word in (
            f"summary of {alert['service']}",
            f"description of {alert['service']} and its detail.",
            "environment: prod, cluster: test, runbook: runbooks/HighErrorRate.md",
            "[CRITICAL] prod: HighErrorRate",
        ):
            assert word in text, name
    (hook,) = everything.receiver.about("webhook-url", alert["service"])
    assert (hook["status"], hook["receiver"], hook["externalURL"]) == (
        "firing",
        "page",
        "https://grafana.example.com/alerting",
    )
    assert everything.receiver.about("deadman-url", alert["service"]) == []


@pytest.mark.parametrize("environment", ["dev", "local", "staging"])
def test_a_critical_alert_of_another_environment_wakes_nobody(everything: Alertmanager, environment: str) -> None:
    alert = labels("HighErrorRate", "critical", environment)
    everything.fire(alert)
    _settled(everything, alert["service"], *CHAT)
    assert everything.receiver.about("pagerduty-key", alert["service"]) == []
    (message,) = everything.receiver.about("slack-url", alert["service"])
    assert f"[CRITICAL] {environment}: HighErrorRate" in json.dumps(message)


def test_everybody_hears_when_it_is_over(everything: Alertmanager) -> None:
    alert = labels("HighErrorRate", "critical")
    everything.fire(alert)
    _settled(everything, alert["service"], "pagerduty-key", *CHAT)
    everything.fire(alert, ended=True)
    wait_until(lambda: len(everything.receiver.about("webhook-url", alert["service"])) == 2, 15, "the end")
    time.sleep(0.5)
    assert [hook["status"] for hook in everything.receiver.about("webhook-url", alert["service"])] == [
        "firing",
        "resolved",
    ]
    trigger = everything.receiver.about("pagerduty-key", alert["service"])[0]

    def pages() -> list[str]:
        return [
            page["event_action"]
            for page in list(everything.receiver.received["pagerduty-key"])
            if page["dedup_key"] == trigger["dedup_key"]
        ]

    wait_until(lambda: pages() == ["trigger", "resolve"], 10, "the pager's all-clear")
    last = everything.receiver.about("slack-url", alert["service"])[-1]
    assert f"[RESOLVED] prod: HighErrorRate of {alert['service']}" in json.dumps(last)


def test_alerts_of_one_service_and_name_are_one_message(everything: Alertmanager) -> None:
    alert = labels("KubePodCrashLooping", "warning")
    other = labels("KubePodCrashLooping", "warning")
    everything.fire(*(alert | {"pod": f"pod-{number}"} for number in range(12)), other)
    _settled(everything, alert["service"], *CHAT)
    (hook,) = everything.receiver.about("webhook-url", alert["service"])
    assert len(hook["alerts"]) == 12
    (message,) = everything.receiver.about("slack-url", alert["service"])
    assert json.dumps(message).count(f"summary of {alert['service']}") == 10
    assert "and more: 12 altogether" in json.dumps(message)
    assert len(everything.receiver.about("webhook-url", other["service"])) == 1


def test_the_same_in_two_environments_is_two_messages(everything: Alertmanager) -> None:
    alert = labels("HighLatency", "warning")
    everything.fire(alert, alert | {"environment": "dev"})
    wait_until(lambda: len(everything.receiver.about("webhook-url", alert["service"])) == 2, 15, "two messages")
    assert {
        hook["groupLabels"]["environment"] for hook in everything.receiver.about("webhook-url", alert["service"])
    } == {
        "prod",
        "dev",
    }


def test_a_warning_is_told_but_wakes_nobody(everything: Alertmanager) -> None:
    alert = labels("HighLatency", "warning")
    everything.fire(alert)
    _settled(everything, alert["service"], *CHAT)
    assert everything.receiver.about("pagerduty-key", alert["service"]) == []


def test_a_remark_is_told_once_and_wakes_nobody(everything: Alertmanager) -> None:
    alert = labels("Remark", "info")
    everything.fire(alert)
    _settled(everything, alert["service"], *CHAT)
    assert [len(everything.receiver.about(name, alert["service"])) for name in CHAT] == [1, 1, 1]
    assert everything.receiver.about("pagerduty-key", alert["service"]) == []


def test_what_follows_from_a_louder_alert_is_silent(everything: Alertmanager) -> None:
    loud = labels("TelemetryComponentAbsent", "critical")
    same, elsewhere = {"service": loud["service"]}, labels("TargetDown", "warning")
    follows = [labels(name, "warning", **same) for name in ("TargetDown", "AlertInputAbsent", "ProbeFailing")]
    stays = labels("KubePodNotReady", "warning", **same)
    everything.fire(loud, *follows, stays, elsewhere)
    _settled(everything, elsewhere["service"], *CHAT)
    time.sleep(1)
    told = {hook["groupLabels"]["alertname"] for hook in everything.receiver.about("webhook-url", loud["service"])}
    assert told == {"TelemetryComponentAbsent", "KubePodNotReady"}


def test_the_cause_of_another_environment_silences_nothing(everything: Alertmanager) -> None:
    loud = labels("TelemetryComponentAbsent", "critical", "dev")
    quiet = labels("TargetDown", "warning", "prod", service=loud["service"])
    everything.fire(loud, quiet)
    wait_until(lambda: len(everything.receiver.about("webhook-url", loud["service"])) == 2, 15, "both")


HELD_BACK = [
    ("EventBusDown", "TargetDown", "warning"),
    ("RedisDown", "TargetDown", "warning"),
    ("PostgresqlDown", "TargetDown", "warning"),
    ("WorkloadDown", "ProbeFailing", "warning"),
    ("WorkloadDown", "ServiceUnreachable", "critical"),
    ("WorkloadDown", "KubePodCrashLooping", "warning"),
]


def test_a_cause_holds_back_what_it_explains_of_its_own_service_alone(everything: Alertmanager) -> None:
    here = {"namespace": "trading"}
    expected: dict[str, set[str]] = {}
    fired: list[dict[str, str]] = []
    for cause, consequence, severity in HELD_BACK:
        loud, other = labels(cause, "critical", **here), labels(consequence, severity, **here)
        own = {"service": loud["service"]}
        same = labels(consequence, severity, **here, **own)
        expected |= {loud["service"]: {cause, "KubePodNotReady"}, other["service"]: {consequence}}
        fired += [loud, same, labels("KubePodNotReady", "warning", **here, **own), other]
    everything.fire(*fired)

    def told() -> dict[str, set[str]]:
        hooks = [
            (hook["groupLabels"]["alertname"], json.dumps(hook)) for hook in everything.receiver.received["webhook-url"]
        ]
        return {service: {name for name, text in hooks if service in text} for service in expected}

    wait_until(lambda: all(names <= told()[service] for service, names in expected.items()), 15, "all that is told")
    time.sleep(1.5)
    assert told() == expected


def test_a_workload_that_is_down_holds_back_nothing_of_another_namespace(everything: Alertmanager) -> None:
    loud = labels("WorkloadDown", "critical", namespace="trading")
    other = labels("ProbeFailing", "warning", namespace="observability", service=loud["service"])
    everything.fire(loud, other)
    wait_until(lambda: len(everything.receiver.about("webhook-url", loud["service"])) == 2, 15, "both")


@pytest.mark.parametrize(("cause", "consequence", "severity"), HELD_BACK)
def test_a_cause_that_does_not_say_whose_it_is_holds_back_nothing(
    everything: Alertmanager, cause: str, consequence: str, severity: str
) -> None:
    """Both lack ``service``, which counts as equal."""
    place = {"namespace": labels("", "")["service"]}
    fired = [labels(cause, "critical", **place), labels(consequence, severity, **place)]
    for alert in fired:
        del alert["service"]
    everything.fire(*fired)
    wait_until(lambda: len(everything.receiver.about("webhook-url", place["namespace"])) == 2, 15, "both")


def test_critical_silences_the_warning_of_the_same_name(everything: Alertmanager) -> None:
    loud = labels("KillSwitchResetByRestart", "critical")
    everything.fire(loud, loud | {"severity": "warning"})
    _settled(everything, loud["service"], "pagerduty-key", *CHAT)
    for hook in everything.receiver.about("webhook-url", loud["service"]):
        assert {alert["labels"]["severity"] for alert in hook["alerts"]} == {"critical"}


def test_the_watchdog_is_heard_again_and_again_by_the_switch_alone(everything: Alertmanager) -> None:
    watchdog = {"alertname": "Watchdog", "severity": "none", "environment": "prod", "cluster": "test"}
    everything.fire(watchdog)
    wait_until(lambda: len(everything.receiver.received["deadman-url"]) >= 4, 15, "four heartbeats")
    for name in (*CHAT, "pagerduty-key"):
        assert everything.receiver.about(name, "Watchdog") == []
    assert {beat["status"] for beat in everything.receiver.received["deadman-url"]} == {"firing"}


def test_what_is_not_given_is_not_missed(tmp_path: Path) -> None:
    with alertmanager(tmp_path, ("webhook-url",)) as running:
        alert = labels("HighErrorRate", "critical")
        running.fire(alert, {"alertname": "Watchdog", "severity": "none", "environment": "prod"})
        _settled(running, alert["service"], "webhook-url")
    assert [name for name, told in running.receiver.received.items() if told] == ["webhook-url"]
    errors = [line for line in (tmp_path / "log").read_text().splitlines() if '"level":"ERROR"' in line]
    assert errors == []
