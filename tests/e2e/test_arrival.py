"""What ``make up`` has started: every pod is ready, every target is up, every service is heard of by each of its signals."""

import re

from components.platform_services import DEPLOYMENTS
from tests.e2e.expected_alerts import expected_alerts
from tests.e2e.running_stack import RunningStack, awaited
from tests.support.repository import make

SERVICES = set(DEPLOYMENTS)
STORES = {"otel-collector", "prometheus", "alertmanager", "jaeger", "db", "cache", "rabbitmq"}
"""All but the log store, which is one or the other."""
EXPORTERS = {"kube-state-metrics", "blackbox-exporter", "redis-exporter", "postgres-exporter", "node-agent"}


def test_every_pod_is_ready_and_every_target_is_up(stack: RunningStack) -> None:
    def status() -> str:
        return make(stack.repository, "status", check=False).stdout

    awaited(lambda: re.search(r"^targets: (\d+) of \1 up$", status(), re.MULTILINE), 120, "every target")
    said = status()
    pods = re.search(r"^pods: (\d+) of \1 ready$", said, re.MULTILINE)
    assert pods, said
    assert int(pods[1]) >= len(SERVICES | STORES | EXPORTERS) + 1
    assert "scaled to zero: grafana\n" in said


def test_prometheus_scrapes_everything_that_is_deployed(stack: RunningStack) -> None:
    def scraped() -> set[str]:
        return {labels["service"] for labels, value in stack.metrics('up{environment!=""}') if value == 1}

    # db and cache have no page of their own: their exporters ask them.
    expected = (SERVICES | STORES | EXPORTERS | {stack.log_store.store}) - {"db", "cache"}
    awaited(lambda: scraped() >= expected, 90, "a scrape of each")


def test_logs_of_every_service_and_store_arrive(stack: RunningStack) -> None:
    query = 'sum by (service_name) (count_over_time({service_name=~".+"}[30m]))'

    def received() -> set[str]:
        return {labels["service_name"] for labels, _ in stack.log_store.counts(query)}

    awaited(lambda: received() >= SERVICES | STORES | {stack.log_store.store}, 90, "logs of each")


def test_traces_of_the_services_arrive(stack: RunningStack) -> None:
    def traced() -> set[str]:
        return set(stack.ask("jaeger", "/api/services").json["data"] or [])

    awaited(lambda: traced() >= {"api", "workers", "ops-ui"}, 90, "spans of each")


def test_a_second_up_changes_nothing(stack: RunningStack) -> None:
    said = make(stack.repository, "up").stdout
    assert re.search(r"Resources:\n +\d+ unchanged\n", said), said[-3000:]


def test_nothing_but_the_watchdog_calls_people(stack: RunningStack) -> None:
    """A stack that has just been deployed is well once all of it has started."""

    def firing() -> set[str]:
        return {labels["alertname"] for labels, _ in stack.metrics('ALERTS{alertstate="firing"}')}

    awaited(lambda: {"Watchdog"} <= firing() <= expected_alerts(stack), 120, lambda: f"quiet: {firing()}")
