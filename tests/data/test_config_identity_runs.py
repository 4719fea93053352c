"""Whose telemetry it is, on the real Collector: where a sender connects from counts for all, what it says of itself for nothing."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.data.overlays import FOLDER, merged_choice
from tests.support.addresses import loopback
from tests.support.collector_process import (
    AGENT,
    API,
    POD,
    PODS,
    STRANGER,
    WORKERS,
    Gateway,
    Sink,
    key_values,
    pod,
    span,
    value,
)
from tests.support.prometheus_process import Prometheus, cluster
from tests.support.tool_process import running
from tests.support.waiting import wait_until

SIGNALS: tuple[str, ...] = ("logs", "traces", "metrics")
API_POD, WORKERS_POD = PODS["trading", "pods"]
UNLABELLED, DISGUISED, NEIGHBOUR = "127.0.0.5", "127.0.0.6", "127.0.0.7"
"""A pod of the platform without the label; one that calls itself an agent; one beside the agents."""
ELSEWHERE = {
    ("node-agents", "pods"): [*PODS["node-agents", "pods"], pod("debug-x", "node-agents", NEIGHBOUR, "debug")],
    ("trading", "pods"): [
        *PODS["trading", "pods"],
        pod("by-hand", "trading", UNLABELLED, None),
        pod("node-agent-0", "trading", DISGUISED, "node-agent"),
    ],
}
WHOSE = ("k8s.", "container.", "host.", "cloud.", "service.name", "deployment.environment", "atlas.")
Pairs = list[tuple[str, Any]]

FORGERIES: dict[str, Pairs] = {
    "no claim": [],
    "another's name": [("service.name", "workers")],
    "another's name, twice": [("service.name", "workers"), ("service.name", "workers")],
    "another namespace, twice": [("service.namespace", "observability")] * 2,
    "an empty name": [("service.name", "")],
    "a number for a name": [("service.name", 7)],
    "nobody's pod": [("k8s.pod.uid", "nobody"), ("service.name", "workers")],
    "another's pod": [("k8s.pod.uid", WORKERS_POD["metadata"]["uid"])],
    "another's pod, twice": [("k8s.pod.uid", WORKERS_POD["metadata"]["uid"])] * 2,
    "a number for a pod": [("k8s.pod.uid", 7)],
    "another's address": [("k8s.pod.ip", WORKERS), ("service.name", "workers")],
    "another's address as a host": [("host.name", WORKERS), ("ip", WORKERS)],
    "a container": [("k8s.container.name", "workers"), ("service.name", "workers")],
    "a container, empty": [("k8s.container.name", ""), ("service.name", "workers")],
    "another's place": [
        ("k8s.namespace.name", "observability"),
        ("k8s.node.name", "node-7"),
        ("k8s.pod.name", "workers-0"),
        ("k8s.deployment.name", "workers"),
        ("k8s.statefulset.name", "workers"),
        ("container.id", "0123"),
        ("cloud.region", "moon"),
    ],
    "marks of ours": [("atlas.agent", "node-agent"), ("atlas.workload", "workers"), ("k8s.container.name", "workers")],
    "marks of ours, twice": [("atlas.agent", "node-agent"), ("atlas.workload", "workers")] * 2,
    "marks of ours, empty": [("atlas.agent", ""), ("atlas.workload", "")],
    "another environment, twice": [("deployment.environment.name", "prod"), ("k8s.cluster.name", "prod")] * 2,
    "an environment by its older name": [("deployment.environment", "prod")],
    "maps that a store takes apart": [
        ("k8s", {"pod": {"uid": "nobody"}, "container": {"name": "workers"}}),
        ("service", {"name": "workers", "namespace": "observability"}),
        ("deployment", {"environment": {"name": "prod"}}),
        ("service.name", {"claimed": "workers"}),
    ],
    "claims that were claimed": [("service.name.claimed", "workers"), ("service.name", "other")],
}


def request(signal_name: str, mark: str, pairs: Pairs) -> dict[str, Any]:
    """One record of that signal with ``mark`` as its text or name. Unlike a mapping, ``pairs`` may hold a name twice."""
    resource = {"attributes": [each for key, item in pairs for each in key_values({key: item})]}
    if signal_name == "logs":
        return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [{"body": value(mark)}]}]}]}
    if signal_name == "traces":
        return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span(mark)]}]}]}
    gauge = {"name": mark, "gauge": {"dataPoints": [{"asDouble": 1.5, "timeUnixNano": str(time.time_ns())}]}}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [gauge]}]}]}


def arrived(sink: Sink, signal_name: str, mark: str) -> Pairs:
    """The attributes of the resource that ``mark`` arrived with, as they stand."""

    def found() -> list[Pairs]:
        groups, scopes, items = {
            "logs": ("resourceLogs", "scopeLogs", "logRecords"),
            "traces": ("resourceSpans", "scopeSpans", "spans"),
            "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
        }[signal_name]
        return [
            [
                (pair["key"], next(iter(pair["value"].values()), None))
                for pair in group["resource"].get("attributes", [])
            ]
            for taken in list(sink.taken[signal_name])
            for group in taken[groups]
            for scope in group[scopes]
            for item in scope[items]
            if mark in (item.get("name"), item.get("body", {}).get("stringValue"))
        ]

    wait_until(lambda: bool(found()), 10, f"{mark} of {signal_name}")
    (only,) = found()
    return only


def whose(pairs: Pairs) -> Pairs:
    """What says where it comes from, without what was merely claimed."""
    return sorted((key, item) for key, item in pairs if key.startswith(WHOSE) and ".claimed" not in key)


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module", params=["nothing", "logs-victorialogs"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Gateway]:
    text = merged_choice(() if request.param == "nothing" else (request.param,))
    folder, environment = tmp_path_factory.mktemp("gateway"), {"LOGS_MAX_AGE": "24h"}
    with running(Gateway(folder, sink, text=text, environment=environment, pods=ELSEWHERE)) as started:
        yield started


def of_pod(found: dict[str, Any], workload: str) -> Pairs:
    return sorted([*of_file(found, workload), ("service.namespace", "trading")])


def of_file(found: dict[str, Any], workload: str) -> Pairs:
    """What an agent's records of that pod say."""
    return sorted(
        {
            "service.name": workload,
            "k8s.namespace.name": found["metadata"]["namespace"],
            "k8s.pod.name": found["metadata"]["name"],
            "k8s.pod.uid": found["metadata"]["uid"],
            "k8s.node.name": "node-1",
            "deployment.environment.name": "local",
            "k8s.cluster.name": "test",
        }.items()
    )


def sent(gateway: Gateway, pairs: Pairs, source: str) -> dict[str, str]:
    """The marks of one record of each signal, sent with ``pairs`` from ``source``."""
    marks = {signal_name: f"m{secrets.token_hex(8)}" for signal_name in SIGNALS}
    for signal_name, mark in marks.items():
        assert gateway.send(signal_name, request(signal_name, mark, pairs), source) == 200
    return marks


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_pods_telemetry_is_its_own_whatever_it_claims(gateway: Gateway, sink: Sink, forgery: str) -> None:
    for signal_name, mark in sent(gateway, FORGERIES[forgery], API).items():
        told = arrived(sink, signal_name, mark)
        assert whose(told) == of_pod(API_POD, "api"), signal_name
        if ("service.name", "workers") in FORGERIES[forgery]:
            assert ("service.name.claimed", "workers") in told, signal_name


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_stranger_has_the_name_of_all_strangers(gateway: Gateway, sink: Sink, forgery: str) -> None:
    for signal_name, mark in sent(gateway, FORGERIES[forgery], STRANGER).items():
        assert whose(arrived(sink, signal_name, mark)) == [
            ("deployment.environment.name", "local"),
            ("k8s.cluster.name", "test"),
            ("service.name", "unknown"),
        ], signal_name


@pytest.mark.parametrize("signal_name", SIGNALS)
def test_ever_new_names_make_one_stream(gateway: Gateway, sink: Sink, signal_name: str) -> None:
    for source, name in ((API, "api"), (STRANGER, "unknown")):
        marks = [f"m{secrets.token_hex(8)}" for _ in range(30)]
        for mark in marks:
            pairs = [("service.name", mark), ("k8s.pod.uid", mark), ("k8s.container.name", mark)]
            assert gateway.send(signal_name, request(signal_name, mark, pairs), source) == 200
        told = [dict(arrived(sink, signal_name, mark)) for mark in marks]
        assert {each["service.name"] for each in told} == {name}
        assert [each["service.name.claimed"] for each in told] == marks


def test_what_a_pod_claims_truly_is_not_kept_twice(gateway: Gateway, sink: Sink) -> None:
    mark = f"m{secrets.token_hex(8)}"
    true = of_pod(API_POD, "api")
    assert gateway.send("traces", request("traces", mark, [*true, ("host.name", POD)]), API) == 200
    told = arrived(sink, "traces", mark)
    assert whose(told) == true
    assert [key for key, _ in told if "claimed" in key] == []


@pytest.mark.parametrize("signal_name", SIGNALS)
def test_an_agent_speaks_for_the_pods_of_its_node(gateway: Gateway, sink: Sink, signal_name: str) -> None:
    mark, container = f"m{secrets.token_hex(8)}", ("k8s.container.name", "sidecar")
    pairs = [("service.name", "sidecar"), container, ("k8s.pod.uid", WORKERS_POD["metadata"]["uid"])]
    assert gateway.send(signal_name, request(signal_name, mark, pairs), AGENT) == 200
    assert whose(arrived(sink, signal_name, mark)) == sorted([*of_file(WORKERS_POD, "sidecar"), container])
    # A pod of another namespace is as the agent read it.
    mark, pairs = f"m{secrets.token_hex(8)}", [("service.name", "dns"), ("k8s.pod.uid", "other"), container]
    assert gateway.send(signal_name, request(signal_name, mark, pairs), AGENT) == 200
    assert {*pairs} <= {*arrived(sink, signal_name, mark)}


def test_a_pod_is_no_agent_by_its_label_nor_by_its_namespace_alone(gateway: Gateway, sink: Sink) -> None:
    claim = [("service.name", "workers"), ("k8s.container.name", "workers"), ("k8s.pod.uid", "nobody")]
    for source, name in ((DISGUISED, "node-agent"), (NEIGHBOUR, "unknown")):
        mark = f"m{secrets.token_hex(8)}"
        assert gateway.send("logs", request("logs", mark, claim), source) == 200
        told = whose(arrived(sink, "logs", mark))
        assert ("service.name", name) in told
        assert "k8s.container.name" not in dict(told)


def test_a_pod_without_the_label_is_named_by_the_cluster(gateway: Gateway, sink: Sink) -> None:
    mark = f"m{secrets.token_hex(8)}"
    assert gateway.send("logs", request("logs", mark, [("service.name", "workers")]), UNLABELLED) == 200
    assert dict(arrived(sink, "logs", mark))["service.name"] == "by-hand"


def test_a_pod_that_starts_later_is_known_as_soon_as_the_cluster_tells_of_it(gateway: Gateway, sink: Sink) -> None:
    def name_of(source: str, container: str) -> str:
        mark = f"m{secrets.token_hex(8)}"
        pairs = [("service.name", container), ("k8s.container.name", container)]
        assert gateway.send("logs", request("logs", mark, pairs), source) == 200
        return dict(arrived(sink, "logs", mark))["service.name"]

    for namespace, workload, expected in (("trading", "fresh", "fresh"), ("node-agents", "node-agent", "sidecar")):
        source = loopback()
        assert name_of(source, "sidecar") == "unknown"
        gateway.kubernetes.tell("ADDED", pod(f"{workload}-1", namespace, source, workload))
        wait_until(lambda source=source, expected=expected: name_of(source, "sidecar") == expected, 10, workload)


def test_who_connects_by_grpc_is_told_alike(tmp_path: Path) -> None:
    """A gRPC client cannot choose its address: here the one that it has is a pod's."""

    def field(number: int, inside: bytes) -> bytes:
        return bytes([number << 3 | 2, len(inside)]) + inside

    mark = f"m{secrets.token_hex(8)}"
    pairs = [(b"service.name", b"workers"), (b"k8s.pod.uid", b"nobody"), (b"k8s.container.name", b"workers")]
    resource = b"".join(field(1, field(1, key) + field(2, field(1, item))) for key, item in pairs)
    sent = field(1, field(1, resource) + field(2, field(2, field(5, field(1, mark.encode())))))
    sink, mine = Sink(), pod(POD, "trading", AGENT)
    pods = {("node-agents", "pods"): [], ("trading", "pods"): [mine]}
    with running(Gateway(tmp_path, sink, pods=pods)) as gateway:
        with grpc.insecure_channel(f"{gateway.address}:4317") as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
            export(sent, timeout=10)
        assert whose(arrived(sink, "logs", mark)) == of_pod(mine, "api")


def test_in_prometheus_a_samples_own_labels_say_not_whose_it_is(tmp_path: Path) -> None:
    address = loopback()
    text = {"prometheus.yaml": (FOLDER.parent / "prometheus/prometheus.yaml").read_text()}
    prometheus = Prometheus(tmp_path / "prometheus", address, text, cluster())
    otlp = dict.fromkeys(SIGNALS, f"http://{address}:9090/api/v1/otlp")
    claims = [
        {},
        {"service.name": "workers", "k8s.pod.name": "workers-0", "deployment.environment.name": "prod"},
        {"service_name": "workers", "k8s_pod_name": "workers-0", "deployment_environment_name": "prod"},
        {"service name": "workers", "serviceяname": "workers", "k8s--pod--name": "workers-0"},
        {"service": "workers", "namespace": "trading", "pod": "workers-0", "node": "node-7", "environment": "prod"},
        {"job": "trading/workers", "instance": "workers-0:9464", "cluster": "prod", "replica": "prometheus-1"},
    ]
    now = str(time.time_ns())
    metrics = [
        {
            "name": f"claimed.{number}",
            "gauge": {"dataPoints": [{"asDouble": 1, "timeUnixNano": now, "attributes": key_values(each)}]},
        }
        for number, each in enumerate(claims)
    ]
    payload = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": metrics}]}]}
    with running(prometheus), running(Gateway(tmp_path / "gateway", otlp, pods=ELSEWHERE)) as gateway:
        for source in (API, AGENT):
            assert gateway.send("metrics", payload, source) == 200

        def told() -> list[dict[str, str]]:
            found = prometheus.query('{__name__=~"claimed_.*", k8s_pod_name="' + POD + '"}')
            labels = [dict(each["metric"]) for each in found]
            return [
                {key: item for key, item in each.items() if not key.startswith(("exported_", "__name__"))}
                for each in labels
            ]

        wait_until(lambda: len(told()) == len(claims), 20, lambda: f"the samples: {told()}")
        assert {json.dumps(each, sort_keys=True) for each in told()} == {json.dumps(told()[0], sort_keys=True)}
        assert told()[0]["service_name"] == "api"
        # What an agent says of a pod or a volume is in a sample's labels.
        of_agent = prometheus.query('claimed_1{service_name="workers", k8s_pod_name="workers-0"}')
        assert len(of_agent) == 1
