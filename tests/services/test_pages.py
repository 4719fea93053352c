"""The pages that ``make open`` leads to, and the queries that it names where there is none, on the real programs."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import service_builds
from tests.support.addresses import loopback
from tests.support.alertmanager_process import Alertmanager, WebhookReceiver, labels
from tests.support.jaeger_process import Jaeger
from tests.support.machine import require_program
from tests.support.prometheus_process import Prometheus, cluster, service
from tests.support.repository import ROOT
from tests.support.tool_process import running
from tests.support.waiting import wait_until
from tools import pages


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has the rules of the repository, and scrapes itself."""
    folder, address = tmp_path_factory.mktemp("prometheus"), loopback()
    files = {f"rules-{path.name}": path.read_text() for path in (ROOT / "rules").glob("*.yaml")}
    files["prometheus.yaml"] = (ROOT / "config/prometheus/prometheus.yaml").read_text()
    known = cluster(service("prometheus", "http-metrics", 9090, [address]))
    with running(Prometheus(folder, address, files, known)) as process:
        wait_until(lambda: bool(process.query("up == 1")), 30, "a scrape")
        wait_until(lambda: bool(process.query('ALERTS{alertname="Watchdog"}')), 30, "an alert")
        yield process


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """It has one alert, Watchdog."""
    text = (ROOT / "config/alertmanager/alertmanager.yaml").read_text()
    folder = tmp_path_factory.mktemp("alertmanager")
    receiver = WebhookReceiver()
    process = Alertmanager(folder, receiver, loopback(), text, [], minute=1, arguments=["--cluster.listen-address="])
    with running(process):
        process.fire(labels("Watchdog", "none"))
        yield process


@pytest.fixture(scope="module")
def seen(
    prometheus: Prometheus, alertmanager: Alertmanager, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What headless Chromium saw on its visit."""
    given = {
        "chromium": require_program("chromium", "chromium"),
        "prometheus": prometheus.url,
        "alertmanager": alertmanager.url,
        "query": "up",
        "alert": "Watchdog",
        "target": f"{prometheus.url}/metrics",
    }
    ran = subprocess.run(
        ["node", "pages.mjs"],
        cwd=service_builds.modules(Path(__file__).parent / "browser"),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home"))},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)


def test_the_pages_are_whole(seen: dict[str, Any]) -> None:
    assert seen["errors"] == []


def test_a_query_gives_a_result_on_prometheus_page(seen: dict[str, Any]) -> None:
    (row,) = seen["result"]
    assert 'service="prometheus"' in row
    assert row.split()[-1] == "1"


def test_prometheus_page_lists_alerts_and_targets(seen: dict[str, Any], prometheus: Prometheus) -> None:
    assert "Watchdog" in seen["alerts"]
    assert f"{prometheus.url}/metrics" in seen["targets"]
    assert "1 / 1 up" in seen["targets"]


def test_alertmanagers_page_lists_alerts(seen: dict[str, Any]) -> None:
    assert "Watchdog" in seen["alertmanager"]


def answer(name: str, url: str) -> Any:
    """What the named query of a service answers, as it is typed but for its address."""
    typed = pages.QUERIES[name].format(port=0).replace("http://localhost:0", url)
    return json.loads(subprocess.run(shlex.split(typed), capture_output=True, check=True).stdout)


def test_prometheus_and_alertmanager_have_pages_and_answer_the_query(
    prometheus: Prometheus, alertmanager: Alertmanager
) -> None:
    assert pages.has_page(prometheus.url)
    assert pages.has_page(alertmanager.url)
    assert [each["value"][1] for each in answer("prometheus", prometheus.url)["data"]["result"]] == ["1"]
    assert [each["labels"]["alertname"] for each in answer("alertmanager", alertmanager.url)] == ["Watchdog"]


def test_jaeger_has_no_page_and_answers_the_query(tmp_path: Path) -> None:
    with running(Jaeger(tmp_path)) as jaeger:
        assert not pages.has_page(jaeger.url)
        assert answer("jaeger", jaeger.url)["data"] == []
