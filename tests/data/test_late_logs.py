"""No acknowledged log record is lost for its time: what Loki would refuse is given another one before, and keeps its own as text.

The bound of each part is below that of the next: the agent's for an application's own time, the gateway's for all, the store's.
Loki's rule is modelled (``loki_model``); VictoriaLogs itself is asked in ``test_config_victorialogs.py``.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from components.collector import LOKI_LATE_HOURS, MAX_QUEUE_HOURS, log_bounds
from settings.model import Settings
from settings.units import to_hours
from tests.data.overlays import merged_choice, upstream
from tests.support.agent_process import Agent, ContainerLog
from tests.support.collector_process import API, STRANGER, Gateway, Sink, logs, value
from tests.support.loki_model import LokiModel, seconds
from tests.support.tool_process import running
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
MINUTE, HOUR = 60, 3600
DAY = 24 * HOUR


def settings(backend: str, **more: Any) -> Settings:
    logs = {"backend": backend} | ({"otlpEndpoint": "https://logs.example.com"} if backend == "external" else {})
    cluster = {"context": "any", "apiServer": "127.0.0.1/32"}
    return Settings.model_validate(
        {"cluster": cluster, "grafana": {"url": "http://localhost:3000"}, "logs": logs, **more}
    )


@pytest.mark.parametrize("retention", ["1d", "7d", "52w"])
@pytest.mark.parametrize("backend", ["loki", "victorialogs", "external"])
def test_what_the_gateway_lets_through_may_wait_for_two_hours_and_is_taken(backend: str, retention: str) -> None:
    """Ahead of the clock it lets through five minutes."""
    own = {} if backend == "external" else {backend: {"retention": retention}}
    age = to_hours(log_bounds(settings(backend, **own))["LOGS_MAX_AGE"]) * HOUR
    assert age > 130 * MINUTE, "what an agent kept for so long keeps its time"
    loki, waits = LokiModel.as_shipped(f"{to_hours(retention)}h"), 2 * HOUR + 30 * MINUTE
    if backend == "victorialogs":
        assert age + waits < to_hours(retention) * HOUR
    else:
        assert age + waits + 5 * MINUTE < min(loki.late, loki.oldest)
        assert loki.ahead > 5 * MINUTE


def test_the_program_knows_the_window_of_loki() -> None:
    assert LokiModel.as_shipped().late == LOKI_LATE_HOURS * HOUR
    assert MAX_QUEUE_HOURS < LOKI_LATE_HOURS


def test_loki_looks_for_what_came_late_where_it_is() -> None:
    """By default it asks ingesters for the last three hours alone: what is older and not written yet would not be found."""
    loki: dict[str, Any] = yaml.safe_load((ROOT / "config/loki/loki.yaml").read_text())
    within = loki["querier"]["query_ingesters_within"]
    assert within == 0 or seconds(within) > 1.5 * seconds(loki["ingester"]["max_chunk_age"])


def _request(pod: str, age: float, container: str = "api") -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    told = {"service.name": "api", "deployment.environment.name": "prod", "k8s.namespace.name": "trading"}
    for key, text in (told | {"k8s.pod.name": pod, "k8s.container.name": container}).items():
        group.resource.attributes.add(key=key).value.string_value = text
    group.scope_logs.add().log_records.add(time_unix_nano=int((time.time() - age) * 1e9))
    return request


def _taken(loki: LokiModel, *requests: ExportLogsServiceRequest) -> int:
    return sum(len(list(loki.take(each))) for each in requests)


@pytest.mark.parametrize(
    ("other", "container"), [("api-b", "api"), ("api-a", "sidecar")], ids=["another replica", "another container"]
)
def test_no_live_container_closes_the_stream_of_another(other: str, container: str) -> None:
    """However long that was cut off: what waited comes in the order in which it was written."""
    live, late = _request("api-a", 0), [_request(other, (40 - hour) * HOUR, container) for hour in range(41)]
    assert _taken(LokiModel.as_shipped(), live, *late) == 42
    before = LokiModel.as_shipped()
    before.labels = ("service.name", "deployment.environment.name", "k8s.namespace.name")
    assert _taken(before, live, *late) < 20, "with a stream for each service"


def test_a_container_that_restarts_goes_on_in_its_stream() -> None:
    """Its earlier file may still be read when lines of the new one have come."""
    loki = LokiModel.as_shipped()
    assert _taken(loki, _request("api-a", 0), _request("api-a", 2 * HOUR), _request("api-a", 0)) == 3
    assert len(loki.newest) == 1


@dataclass
class Flow:
    """The gateway as it stands before Loki, and what Loki takes of what it sends."""

    gateway: Gateway
    sink: Sink
    model: LokiModel = field(default_factory=LokiModel.as_shipped)
    read: int = 0
    found: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def bodies(self) -> set[str]:
        requests = self.sink.taken["logs"]
        for request in requests[self.read :]:
            self.read += 1
            for record in self.model.take(ParseDict(request, ExportLogsServiceRequest())):
                told = {pair.key: pair.value.string_value for pair in record.attributes}
                self.found[record.body.string_value] = told | {"at": record.time_unix_nano / 1e9}
        return set(self.found)


@pytest.fixture(scope="module", params=[(), upstream(())], ids=["atlas", "upstream"])
def flow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    sink, text = Sink(), merged_choice(request.param)
    gateway = Gateway(tmp_path_factory.mktemp("late"), sink, text=text, environment=log_bounds(settings("loki")))
    with running(gateway):
        yield Flow(gateway, sink)


KEPT = {"now": 0, "four minutes ahead": -4 * MINUTE, "of 130 minutes ago": 130 * MINUTE, "of seven hours ago": 7 * HOUR}
MOVED = {
    "eleven minutes ahead": -11 * MINUTE,
    "a day ahead": -DAY,
    "a year ahead": -365 * DAY,
    "of nine hours ago": 9 * HOUR,
    "of thirteen hours ago": 13 * HOUR,
    "of thirty hours ago": 30 * HOUR,
    "of last month": 30 * DAY,
    "of 1970": time.time() - 1,
}


@pytest.mark.parametrize("kind", [*KEPT, *MOVED])
def test_a_record_by_otlp_is_taken_whatever_its_time_is(flow: Flow, kind: str) -> None:
    """Beside a record of now in the same stream."""
    moment = time.time() - (KEPT | MOVED)[kind]
    record = {"body": value(kind), "timeUnixNano": str(int(moment * 1e9))}
    assert flow.gateway.send("logs", logs([f"before {kind}", record, f"after {kind}"])) == 200
    wait_until(lambda: f"after {kind}" in flow.bodies(), 20, "the record after it")
    assert kind in flow.bodies(), flow.model.refused
    found = flow.found[kind]
    if kind in KEPT:
        assert found["at"] == pytest.approx(moment, abs=1)
        assert "atlas.original_time" not in found
    else:
        assert found["at"] == pytest.approx(time.time(), abs=60)
        assert found["atlas.original_time"].startswith(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)))


OWN_TIMES = {
    "four minutes ahead": -4 * MINUTE,
    "eleven minutes ahead": -11 * MINUTE,
    "of three hours ago": 3 * HOUR,
    "of thirteen hours ago": 13 * HOUR,
    "of thirty hours ago": 30 * HOUR,
    "of last month": 30 * DAY,
}


def test_a_line_is_taken_whatever_its_application_says_of_its_time(flow: Flow, tmp_path: Path) -> None:
    agent = Agent(tmp_path, f"{flow.gateway.address}:4317")
    log = ContainerLog(agent.pods)
    for kind, age in OWN_TIMES.items():
        log.write(f"live beside {kind}", json.dumps({"time": int((time.time() - age) * 1000), "msg": f"line {kind}"}))
    log.write("the last line")
    with running(agent):
        wait_until(lambda: "the last line" in flow.bodies(), 30, "the last line")
    assert {f"line {kind}" for kind in OWN_TIMES} - flow.bodies() == set(), flow.model.refused


def test_a_pod_has_one_stream_whatever_it_calls_itself(flow: Flow) -> None:
    """Else it would fill the number of streams, and hold up the logs of all."""
    before = len(flow.model.newest)
    for number in range(30):
        for source in (API, STRANGER):
            names = (*flow.model.labels, "k8s.pod.uid", "k8s.pod.ip", "container.name")
            claimed = dict.fromkeys(names, f"claimed-{number}")
            assert flow.gateway.send("logs", logs([f"claimed {number} {source}"], **claimed), source) == 200
    sent = {f"claimed {number} {source}" for number in range(30) for source in (API, STRANGER)}
    wait_until(lambda: sent <= flow.bodies(), 20, "all of them")
    assert len(flow.model.newest) <= before + 2
