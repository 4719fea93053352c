"""The gateway in front of the real VictoriaLogs: what that would drop with a 200 is cut or moved before, marked and counted."""

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from components.collector import log_bounds
from settings.model import Settings
from tests.data.overlays import merged_choice
from tests.support.collector_process import AGENT, API, POD, Gateway, Sink, key_values, logs, value
from tests.support.http_json import ask, request
from tests.support.tool_process import running
from tests.support.victorialogs_process import VictoriaLogs
from tests.support.waiting import wait_until

HOUR = 3600 * 10**9
SETTINGS = Settings.model_validate(
    {
        "cluster": {"context": "any", "apiServer": "127.0.0.1/32"},
        "grafana": {"url": "http://localhost:3000"},
        "logs": {"backend": "victorialogs"},
    }
)
RETENTION_HOURS = 7 * 24
STREAMS = {"service.name", "deployment.environment.name", "k8s.namespace.name", "k8s.pod.name"}


@dataclass
class Flow:
    gateway: Gateway
    store: VictoriaLogs

    def sent(
        self,
        record: dict[str, Any],
        scope: dict[str, Any] | None = None,
        resource: Mapping[str, str] | None = None,
        source: str = AGENT,
    ) -> list[dict[str, Any]]:
        """What the store has of a record that is sent between two ordinary ones."""
        word = secrets.token_hex(8)
        record = {**record, "attributes": [*key_values({"word": word}), *record.get("attributes", [])]}
        beside = {"attributes": key_values({"word": word}), "body": value("beside")}
        payload = logs([{**beside}, record, {**beside}], **(resource or {}))
        payload["resourceLogs"][0]["scopeLogs"][0] |= {"scope": scope} if scope else {}
        assert self.gateway.send("logs", payload, source) == 200

        def found() -> list[dict[str, Any]]:
            self.store.flush()
            return self.store.query(f'word:="{word}"')

        wait_until(lambda: len(found()) == 3, 20, "three records")
        return [each for each in found() if each["_msg"] != "beside"]

    def counted(self, what: str, sender: str = "api") -> int:
        """How many log records of a sender the gateway says that it has changed."""
        labels = {"sender": sender, "signal": "logs"}
        series = re.findall(
            rf"^otelcol_processor_sanitize_{what}_total\{{(.*)\}} (\d+)$", self.gateway.own_metrics(), re.M
        )
        found = [
            int(number)
            for told, number in series
            if labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', told)).items()
        ]
        return sum(found)


@contextmanager
def _running(folder: Path) -> Iterator[Flow]:
    other = Sink()
    store = VictoriaLogs(folder / "store", settings=SETTINGS.victorialogs)
    stores = {"logs": store.otlp_url, "traces": other.url, "metrics": other.url}
    gateway = Gateway(
        folder / "gateway",
        stores,
        text=merged_choice(("logs-victorialogs",)),
        environment=log_bounds(SETTINGS),
    )
    with running(store), running(gateway):
        yield Flow(gateway, store)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    with _running(tmp_path_factory.mktemp("victorialogs")) as started:
        yield started


def _direct(**record: Any) -> bytes:
    """A request with one record, as somebody sends it past the gateway."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "api"
    taken = group.scope_logs.add().log_records.add(time_unix_nano=record.pop("moment", time.time_ns()))
    taken.body.string_value = record.pop("body", "direct")
    for key, text in record.items():
        taken.attributes.add(key=key).value.string_value = text
    return request.SerializeToString()


def _dropped(store: VictoriaLogs) -> dict[str, float]:
    """The counters of dropped records, by their labels."""
    lines = [line for line in store.own_metrics().splitlines() if line.startswith("vl_rows_dropped_total")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


DROPPED: dict[str, tuple[dict[str, Any], bool]] = {
    "older than the retention": ({"moment": time.time_ns() - (RETENTION_HOURS + 48) * HOUR}, True),
    "from the future": ({"moment": time.time_ns() + 96 * HOUR}, True),
    "of very many fields": ({f"field{number}": "x" for number in range(1001)}, True),
    "longer than 2 MiB": ({"body": "x" * (2 << 20)}, False),
    "with a name of 129 bytes": ({"k" * 129: "x"}, False),
}
"""Records that VictoriaLogs drops, and whether it counts them."""


@pytest.mark.parametrize("kind", DROPPED)
def test_victorialogs_says_200_and_drops(kind: str, tmp_path: Path) -> None:
    """The facts that the gateway's overlay is for. One that no longer holds is a reason to look at the overlay again."""
    record, counted = DROPPED[kind]
    with running(VictoriaLogs(tmp_path)) as store:
        assert set(_dropped(store).values()) == {0}
        assert store.insert(_direct(word="one", **record)) == 200
        assert store.insert(_direct(word="one")) == 200
        store.flush()
        assert [each["_msg"] for each in store.query('word:="one"')] == ["direct"]
        # Its page is a few seconds old.
        wait_until(lambda: '_protobuf"} 2\n' in store.own_metrics(), 20, "the count of both")
        assert sum(_dropped(store).values()) == counted


def _of_many_names(word: str) -> list[dict[str, Any]]:
    """Each record has an attribute of its own, and a stream of them more than VictoriaLogs takes at once."""
    return [
        {"body": value("named"), "attributes": key_values({"word": word, f"{word}-{at}": at})} for at in range(2500)
    ]


def test_victorialogs_says_nothing_and_loses_records_of_too_many_names(tmp_path: Path) -> None:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "api"
    records = group.scope_logs.add().log_records
    for at in range(2500):
        record = records.add(time_unix_nano=time.time_ns())
        record.attributes.add(key=f"name-{at}").value.int_value = at
    with running(VictoriaLogs(tmp_path)) as store:
        assert store.insert(request.SerializeToString(), VL_Stream_Fields="service.name") == 200
        store.flush()
        assert 0 < store.number("*") < 2500


def test_a_body_that_is_a_map_is_one_message(flow: Flow) -> None:
    (found,) = flow.sent({"body": value({"event": "filled", "order": {"id": "7", "password": "hunter2hunter2"}})})
    assert found["_msg"] == '{"event":"filled","order":{"id":"7","password":"****"}}'
    assert "event" not in found
    assert "atlas.cut" not in found


def test_a_record_without_a_body_says_so(flow: Flow) -> None:
    (found,) = flow.sent({"body": {}})
    assert found["_msg"] == "(no message)"


TIMES = {
    "older than the retention": -(RETENTION_HOURS + 48) * HOUR,
    "almost as old as the retention": -RETENTION_HOURS * HOUR + HOUR // 2,
    "eleven minutes ahead": 11 * HOUR // 60,
    "from tomorrow": 24 * HOUR,
    "from next year": 365 * 24 * HOUR,
}


@pytest.mark.parametrize("kind", TIMES)
def test_a_record_at_a_wrong_time_is_moved_marked_and_counted(flow: Flow, kind: str) -> None:
    moment, before = time.time_ns() + TIMES[kind], flow.counted("moved")
    (found,) = flow.sent({"body": value("moved"), "timeUnixNano": str(moment)})
    assert found["atlas.original_time"].startswith(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 10**9)))
    assert _age(found) < 60
    wait_until(lambda: flow.counted("moved") == before + 1, 20, "the count")


@pytest.mark.parametrize("moment", [1, (1 << 64) - 1, (1 << 63) + 1])
def test_a_time_that_is_none_is_moved(flow: Flow, moment: int) -> None:
    (found,) = flow.sent({"body": value("moved"), "timeUnixNano": str(moment)})
    assert _age(found) < 60
    assert "atlas.original_time" in found


def test_a_record_without_a_time_has_that_of_its_observation_or_arrival(flow: Flow) -> None:
    observed = time.time_ns() - 2 * HOUR
    (found,) = flow.sent({"body": value("observed"), "timeUnixNano": "0", "observedTimeUnixNano": str(observed)})
    assert 7100 < _age(found) < 7300
    (found,) = flow.sent({"body": value("arrived"), "timeUnixNano": "0"})
    assert _age(found) < 60
    assert "atlas.original_time" not in found


def _age(found: dict[str, Any]) -> float:
    """Seconds since the record's time."""
    told = found["_time"].partition(".")[0].rstrip("Z")
    return time.time() - time.mktime(time.strptime(told, "%Y-%m-%dT%H:%M:%S")) + time.timezone


MONSTERS: dict[str, dict[str, Any]] = {
    "a text of 3 MB": {"body": value("monster " + "é" * 1_500_000)},
    "a map of 3 MB as its body": {"body": value({"monster": "x" * 3_000_000})},
    "an attribute of 3 MB": {"body": value("monster"), "attributes": key_values({"big": "x" * 3_000_000})},
    "a map of 3 MB in an attribute": {
        "body": value("monster"),
        "attributes": key_values({"nested": {f"k{number}": {"deep": ["x" * 3_000] * 10} for number in range(100)}}),
    },
    "a list of 3 MB in an attribute": {"body": value("monster"), "attributes": key_values({"list": ["x" * 3_000_000]})},
    "two thousand attributes": {
        "body": value("monster"),
        "attributes": key_values({f"field{number}": "x" for number in range(2000)}),
    },
    "a severity of a million letters": {"body": value("monster"), "severityText": "x" * 1_000_000},
    "an event of a million letters": {"body": value("monster"), "eventName": "x" * 1_000_000},
}


LONG_NAMES: dict[str, dict[str, Any]] = {
    "a name of 129 bytes": {"body": value("monster"), "attributes": key_values({"k" * 129: "x"})},
    "a name of 129 bytes in other letters": {"body": value("monster"), "attributes": key_values({"é" * 65: "x"})},
    "a name of a million bytes": {"body": value("monster"), "attributes": key_values({"k" * 1_000_000: "x"})},
    "a name of 129 bytes by its parts": {
        "body": value("monster"),
        "attributes": key_values({"k" * 64: {"m" * 64: "x"}}),
    },
}


@pytest.mark.parametrize("kind", MONSTERS)
def test_a_record_that_is_too_long_is_cut_marked_and_counted(flow: Flow, kind: str) -> None:
    before = flow.counted("cut")
    (found,) = flow.sent(MONSTERS[kind])
    assert "monster" in found["_msg"]
    assert found["atlas.cut"] == "true"
    wait_until(lambda: flow.counted("cut") == before + 1, 20, "the count")


@pytest.mark.parametrize("kind", LONG_NAMES)
def test_a_name_that_is_too_long_is_cut_and_its_value_kept(flow: Flow, kind: str) -> None:
    before = flow.counted("renamed")
    (found,) = flow.sent(LONG_NAMES[kind])
    assert [name for name, text in found.items() if text == "x" and len(name.encode()) <= 128]
    assert "atlas.renamed" in found
    assert "atlas.cut" not in found
    wait_until(lambda: flow.counted("renamed") == before + 1, 20, "the count")


@pytest.mark.parametrize("name", ["", " ", "_", "$", "@", ".", "中文", "ключ", "🙂"])
def test_a_name_without_latin_letters_is_kept_under_another(flow: Flow, name: str) -> None:
    """VictoriaLogs takes most of them. Loki would refuse the whole request."""
    (found,) = flow.sent({"body": value("monster"), "attributes": key_values({name: "top", "nested": {name: "below"}})})
    kept = {text: key for key, text in found.items() if text in ("top", "below")}
    assert re.fullmatch(r"name_(empty|[0-9a-f]+)", kept["top"])
    assert kept["below"] == f"nested.{kept['top']}"
    assert f'{kept["top"]}="{name}"' in found["atlas.renamed"]


def test_a_resource_that_is_too_long_is_cut_and_marked(flow: Flow) -> None:
    wide = {f"wide{number}": "y" * 50_000 for number in range(200)} | {"k" * 200: "x", "map": {"m": "x" * 3_000_000}}
    (found,) = flow.sent({"body": value("monster")}, resource=wide)
    assert found["atlas.cut"] == "true"
    assert found["service.name"] == "api"


def test_a_scope_that_is_too_long_is_cut_and_marked(flow: Flow) -> None:
    wide = {"k" * 120: "x", "map": {f"m{number}": "x" * 100_000 for number in range(30)}}
    scope = {"name": "x" * 3_000_000, "version": "1" * 1_000_000, "attributes": key_values(wide)}
    (found,) = flow.sent({"body": value("monster")}, scope)
    assert (found["atlas.cut"], len(found["scope.name"])) == ("true", 1024)


def test_what_fits_is_stored_whole_and_says_nothing(flow: Flow) -> None:
    told = {
        "request_id": "r-1",
        "k" * 100: "x",
        "語 word": "はい",
        "text": "x" * 8000,
        "list": ["a"],
        "map": {"a": {"b": 1}},
    }
    (found,) = flow.sent({"body": value("ordinary"), "attributes": key_values(told)})
    kept = ("request_id", "k" * 100, "語 word", "text")
    assert {key: found.get(key) for key in kept} == {key: told[key] for key in kept}
    assert (found["map.a.b"], found["list"]) == ("1", '["a"]')
    assert {"atlas.cut", "atlas.original_time", "atlas.renamed"} & found.keys() == set()


def test_a_mark_that_came_with_the_record_does_not_count(flow: Flow) -> None:
    claimed = key_values({"atlas.cut": True, "atlas.original_time": "1970-01-01T00:00:00Z"})
    (found,) = flow.sent({"body": value("claimed"), "attributes": claimed}, source=API)
    assert {"atlas.cut", "atlas.original_time"} & found.keys() == set()


CLAIMS = {
    "service.version": "other",
    "k8s.pod.name": "other",
    "deployment.id": "other",
    "service": {"peer": "other"},
    "_msg": "other",
    "_time": "2001-01-01T00:00:00Z",
    "_stream": "other",
    "severity_text": "other",
    "event_name": "other",
    "scope.name": "other",
    "trace_id": "other",
}


def test_a_record_cannot_say_that_it_is_another_services(flow: Flow) -> None:
    (found,) = flow.sent({"body": value("mine"), "attributes": key_values(CLAIMS)}, source=API)
    assert (found["_msg"], found["service.name"], found["k8s.namespace.name"]) == ("mine", "api", "trading")
    assert found["deployment.environment.name"] == "local"
    assert "other" not in found["_stream"]
    assert {found[f"log.{name}"] for name in ("_msg", "service.version", "service.peer", "k8s.pod.name")} == {"other"}
    assert _age(found) < 60


def test_few_attributes_make_a_stream(flow: Flow) -> None:
    """What comes by OTLP has no container."""
    (found,) = flow.sent({"body": value("stream")}, resource={"service.instance.id": secrets.token_hex(8)}, source=API)
    names = {row["value"] for row in _stream_field_names(flow.store)}
    assert names - {"k8s.container.name"} == STREAMS
    assert found["_stream"].count("=") == len(STREAMS)
    assert f'k8s.pod.name="{POD}"' in found["_stream"]


def _stream_field_names(store: VictoriaLogs) -> list[dict[str, Any]]:
    return ask(f"{store.url}/select/logsql/stream_field_names", query="*")["values"]


@pytest.mark.parametrize("path", ["partition/detach?name=20261130", "partition/list", "force_merge", "log_new_streams"])
def test_nobody_who_may_ask_for_logs_may_take_them_away(flow: Flow, path: str) -> None:
    """Grafana passes on what its users ask of a data source."""
    for key in ("", "&authKey=", "&authKey=%00"):
        asked = f"{flow.store.url}/internal/{path}{'' if '?' in path else '?'}{key}"
        assert request(asked).status == 401


def test_victorialogs_dropped_nothing_of_all_that(flow: Flow) -> None:
    came = len(flow.store.query("*", limit=10_000))
    assert came > 50
    wait_until(lambda: f'_protobuf"}} {came}\n' in flow.store.own_metrics(), 20, "the count of what came")
    assert set(_dropped(flow.store).values()) == {0}


def test_without_the_processor_records_are_lost(tmp_path: Path) -> None:
    """What the tests above would see of a gateway that leaves records as they are."""

    def as_they_are(config: dict[str, Any]) -> None:
        for pipeline in config["service"]["pipelines"].values():
            pipeline["processors"] = [name for name in pipeline.get("processors", []) if name != "sanitize"]

    store = VictoriaLogs(tmp_path / "store")
    stores: dict[str, str] = dict.fromkeys(("logs", "traces", "metrics"), store.otlp_url)
    gateway = Gateway(tmp_path / "gateway", stores, text=merged_choice(("logs-victorialogs",)), variant=as_they_are)
    old = {"body": value("old"), "timeUnixNano": str(time.time_ns() - (RETENTION_HOURS + 48) * HOUR)}
    with running(store), running(gateway):
        assert gateway.send("logs", logs([old, MONSTERS["a map of 3 MB in an attribute"], "last"])) == 200
        wait_until(lambda: store.number("last") == 1, 20, "the last record")
        assert store.number("*") == 1


def test_names_without_end_cost_no_record(tmp_path: Path) -> None:
    with _running(tmp_path) as flow:
        _send_many_names(flow)


def _send_many_names(flow: Flow) -> None:
    word = f"w{secrets.token_hex(4)}"
    sent = _of_many_names(word)
    for at in range(0, len(sent), 100):
        assert flow.gateway.send("logs", logs(sent[at : at + 100])) == 200

    def found() -> int:
        flow.store.flush()
        return flow.store.number(f'word:="{word}"')

    wait_until(lambda: found() == len(sent), 20, lambda: f"{found()} of {len(sent)}")
    (last,) = flow.store.query(f'word:="{word}" "atlas.more":"{word}-2499"')
    assert last["atlas.more"] == f'{{"{word}-2499":2499}}'
