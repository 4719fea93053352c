"""The Collector configurations that ship hold every rule of ``collector_graph``, and each rule sees the fault that it is for."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.collector_config import count_persistent_queues
from components.collector import queue_environment
from tests.data.overlays import CHOICES, merged_choice, upstream_agent
from tests.support.collector_graph import RULES, problems, queue_problems

ROOT = Path(__file__).parents[2]
GATEWAY: dict[str, Any] = yaml.safe_load((ROOT / "config/collector/gateway.yaml").read_text())
AGENT: dict[str, Any] = yaml.safe_load((ROOT / "config/collector/agent.yaml").read_text())
UPSTREAM_AGENT: dict[str, Any] = yaml.safe_load(upstream_agent())
WITH_EVERYTHING: dict[str, Any] = yaml.safe_load(merged_choice(CHOICES["everything"]))
JAEGER: dict[str, Any] = yaml.safe_load((ROOT / "config/jaeger/jaeger.yaml").read_text())
MIB = 1 << 20

Fault = Callable[[dict[str, Any]], object]


def test_the_agents_configuration_has_no_problem() -> None:
    assert problems(AGENT) == []
    assert problems(UPSTREAM_AGENT) == []


@pytest.mark.parametrize("choice", CHOICES)
def test_the_gateways_configuration_has_no_problem_with_any_overlays(choice: str) -> None:
    assert problems(yaml.safe_load(merged_choice(CHOICES[choice]))) == []


def test_jaegers_configuration_has_no_problem() -> None:
    assert problems(JAEGER) == []


def _pipeline(config: dict[str, Any], name: str) -> dict[str, list[str]]:
    return config["service"]["pipelines"][name]


def _queue(config: dict[str, Any]) -> dict[str, Any]:
    return config["exporters"]["otlp_http/logs"]["sending_queue"]


def _store(config: dict[str, Any]) -> dict[str, Any]:
    return config["extensions"]["file_storage/logs"]


def _otlp(config: dict[str, Any], protocol: str) -> dict[str, Any]:
    return config["receivers"]["otlp"]["protocols"][protocol]


FAULTS: dict[str, tuple[str, Fault]] = {
    "a processor that is not defined": (
        "everything_used_is_defined: service.pipelines.logs.processors: nothing",
        lambda c: _pipeline(c, "logs")["processors"].append("nothing"),
    ),
    "an exporter that is not defined": (
        "everything_used_is_defined: service.pipelines.logs.exporters: otlp_http/none",
        lambda c: _pipeline(c, "logs")["exporters"].append("otlp_http/none"),
    ),
    "an extension that is not defined": (
        "everything_used_is_defined: service.extensions: nothing",
        lambda c: c["service"]["extensions"].append("nothing"),
    ),
    "a pipeline of no signal": (
        "everything_used_is_defined: service.pipelines.profile: profile is no signal",
        lambda c: c["service"]["pipelines"].update(profile=_pipeline(c, "logs")),
    ),
    "a pipeline that leads nowhere": (
        "everything_used_is_defined: service.pipelines.logs: no exporters",
        lambda c: _pipeline(c, "logs").update(exporters=[]),
    ),
    "a processor in no pipeline": (
        "everything_defined_is_used: processors.transform/spare",
        lambda c: c["processors"].update({"transform/spare": {}}),
    ),
    "a connector with only one end": (
        "everything_defined_is_used: connectors.span_metrics: not among the receivers",
        lambda c: c["service"]["pipelines"].pop("metrics/spans"),
    ),
    "a store that never starts, which validate accepts": (
        "everything_defined_is_used: extensions.file_storage/logs: not in service.extensions",
        lambda c: c["service"]["extensions"].remove("file_storage/logs"),
    ),
    "a queue on a store that never starts": (
        "references_to_extensions_lead_to_running_ones: exporters.otlp_http/logs.sending_queue.storage",
        lambda c: c["service"]["extensions"].remove("file_storage/logs"),
    ),
    "an authenticator that never starts": (
        "references_to_extensions_lead_to_running_ones: exporters.otlp_http/logs.auth.authenticator",
        lambda c: c["exporters"]["otlp_http/logs"].update(auth={"authenticator": "bearertokenauth"}),
    ),
    "a limiter that is not first": (
        "the_memory_limiter_stands_first_where_data_comes_in: service.pipelines.traces",
        lambda c: _pipeline(c, "traces")["processors"].reverse(),
    ),
    "a limiter that never checks": (
        "the_memory_limiter_stands_first_where_data_comes_in: processors.memory_limiter.check_interval",
        lambda c: c["processors"]["memory_limiter"].pop("check_interval"),
    ),
    "a limiter without a limit": (
        "the_memory_limiter_stands_first_where_data_comes_in: processors.memory_limiter: no limit",
        lambda c: c["processors"]["memory_limiter"].pop("limit_percentage"),
    ),
    "a limiter without room for a spike": (
        "the_memory_limiter_stands_first_where_data_comes_in: processors.memory_limiter: no spike limit",
        lambda c: c["processors"]["memory_limiter"].pop("spike_limit_percentage"),
    ),
    "a batch processor": (
        "no_batch_processor_stands_before_a_queue: service.pipelines.logs",
        lambda c: (_pipeline(c, "logs")["processors"].append("batch"), c["processors"].update(batch={})),
    ),
    "a batch processor before a connector that leads to a queue": (
        "no_batch_processor_stands_before_a_queue: service.pipelines.traces:",
        lambda c: (_pipeline(c, "traces")["processors"].append("batch"), c["processors"].update(batch={})),
    ),
    "a queue in memory": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.sending_queue.storage",
        lambda c: _queue(c).pop("storage"),
    ),
    "a queue that is off": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.sending_queue.storage",
        lambda c: _queue(c).update(enabled=False),
    ),
    "a queue counted in requests": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.sending_queue.sizer",
        lambda c: _queue(c).update(sizer="requests"),
    ),
    "a queue without a bound": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.sending_queue.queue_size",
        lambda c: _queue(c).pop("queue_size"),
    ),
    "a queue without batches": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.sending_queue.batch",
        lambda c: _queue(c).pop("batch"),
    ),
    "an exporter that gives up after five minutes, the default": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.retry_on_failure",
        lambda c: c["exporters"]["otlp_http/logs"]["retry_on_failure"].pop("max_elapsed_time"),
    ),
    "an exporter that does not retry": (
        "every_exporter_waits_on_disk_and_never_gives_up: exporters.otlp_http/logs.retry_on_failure",
        lambda c: c["exporters"]["otlp_http/logs"]["retry_on_failure"].update(enabled=False),
    ),
    "two exporters on one store": (
        "every_exporter_waits_on_disk_and_never_gives_up: extensions.file_storage/traces: serves more than one",
        lambda c: _queue(c).update(storage="file_storage/traces"),
    ),
    "two stores in one folder": (
        "every_file_storage_can_recover: extensions.file_storage/logs.directory",
        lambda c: _store(c).update(directory=c["extensions"]["file_storage/traces"]["directory"]),
    ),
    "compaction on another volume": (
        "every_file_storage_can_recover: extensions.file_storage/logs.compaction.directory",
        lambda c: _store(c)["compaction"].update(directory="/tmp/compaction"),
    ),
    "a store that does not make its folder": (
        "every_file_storage_can_recover: extensions.file_storage/logs.create_directory",
        lambda c: _store(c).pop("create_directory"),
    ),
    "a store that a broken file stops for ever": (
        "every_file_storage_can_recover: extensions.file_storage/logs.recreate",
        lambda c: _store(c).update(recreate=False),
    ),
    "a store that never gives room back": (
        "every_file_storage_can_recover: extensions.file_storage/logs.compaction.on_rebound",
        lambda c: _store(c)["compaction"].pop("on_rebound"),
    ),
    "a store without a fence": (
        "every_file_storage_can_recover: extensions.file_storage/logs.max_size",
        lambda c: _store(c).update(max_size=0),
    ),
    "a store that leaves fsync to chance": (
        "every_file_storage_can_recover: extensions.file_storage/logs.fsync",
        lambda c: _store(c).pop("fsync"),
    ),
    "a receiver on every address": (
        "nothing_listens_on_every_address: receivers.otlp.protocols.grpc.endpoint: 0.0.0.0:4317",
        lambda c: _otlp(c, "grpc").update(endpoint="0.0.0.0:4317"),
    ),
    "a receiver on every address of IPv6": (
        "nothing_listens_on_every_address: receivers.otlp.protocols.grpc.endpoint: [::]:4317",
        lambda c: _otlp(c, "grpc").update(endpoint="[::]:4317"),
    ),
    "a receiver on a bare port": (
        "nothing_listens_on_every_address: receivers.otlp.protocols.http.endpoint: :4318",
        lambda c: _otlp(c, "http").update(endpoint=":4318"),
    ),
    "a receiver without an address": (
        "nothing_listens_on_every_address: receivers.otlp.protocols.http.endpoint: unset",
        lambda c: _otlp(c, "http").pop("endpoint"),
    ),
    "its own metrics on every address": (
        "nothing_listens_on_every_address: service.telemetry.metrics.readers[0].pull.exporter.prometheus.host",
        lambda c: c["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"].update(
            host="::"
        ),
    ),
    "a health check on the default address": (
        "nothing_listens_on_every_address: extensions.health_check.endpoint: unset",
        lambda c: c["extensions"].update(health_check=None),
    ),
    "gRPC messages of any size": (
        "receivers_bound_what_they_take: receivers.otlp.protocols.grpc.max_recv_msg_size_mib",
        lambda c: _otlp(c, "grpc").pop("max_recv_msg_size_mib"),
    ),
    "gRPC streams without number": (
        "receivers_bound_what_they_take: receivers.otlp.protocols.grpc.max_concurrent_streams",
        lambda c: _otlp(c, "grpc").pop("max_concurrent_streams"),
    ),
    "HTTP bodies of any size": (
        "receivers_bound_what_they_take: receivers.otlp.protocols.http.max_request_body_size",
        lambda c: _otlp(c, "http").pop("max_request_body_size"),
    ),
    "every compression there is": (
        "receivers_bound_what_they_take: receivers.otlp.protocols.http.compression_algorithms",
        lambda c: _otlp(c, "http").pop("compression_algorithms"),
    ),
    "telemetry from browsers": (
        "receivers_bound_what_they_take: receivers.otlp.protocols.http.cors",
        lambda c: _otlp(c, "http").update(cors={"allowed_origins": ["*"]}),
    ),
    "a debug exporter": (
        "no_debugging_component_is_built_in: exporters.debug",
        lambda c: c["exporters"].update(debug=None),
    ),
    "profiles for everyone": (
        "no_debugging_component_is_built_in: extensions.pprof",
        lambda c: c["extensions"].update(pprof=None),
    ),
    "a certificate that nobody checks": (
        "no_certificate_goes_unchecked: exporters.otlp_http/logs.tls.insecure_skip_verify",
        lambda c: c["exporters"]["otlp_http/logs"].update(tls={"insecure_skip_verify": True}),
    ),
}


def _files(config: dict[str, Any]) -> dict[str, Any]:
    (name,) = config["service"]["pipelines"]["logs"]["receivers"]
    return config["receivers"][name]


def _recombine(config: dict[str, Any]) -> dict[str, Any]:
    return next(operator for operator in _files(config)["operators"] if operator["type"] == "recombine")


READER = "every_file_reader_remembers_where_it_was: receivers."
BOTH_AGENTS_FAULTS: dict[str, tuple[str, Fault]] = {
    "no checkpoint": (READER, lambda c: _files(c).pop("storage")),
    "reading from the end, the default of the upstream receiver": (READER, lambda c: _files(c).update(start_at="end")),
    "lines of any length": (READER, lambda c: _files(c).update(max_log_size=0)),
    "a kubelet's certificate that nobody checks": (
        "no_certificate_goes_unchecked: receivers.kubelet_stats.insecure_skip_verify",
        lambda c: c["receivers"]["kubelet_stats"].update(insecure_skip_verify=True),
    ),
    "a checkpoint that never starts": (
        "references_to_extensions_lead_to_running_ones: receivers.",
        lambda c: c["service"]["extensions"].remove("file_storage/checkpoints"),
    ),
}
UPSTREAM_READER = f"{READER}file_log"
UPSTREAM_AGENT_FAULTS: dict[str, tuple[str, Fault]] = {
    "no retry when the queue is full, the default": (
        f"{UPSTREAM_READER}.retry_on_failure",
        lambda c: _files(c).pop("retry_on_failure"),
    ),
    "a retry that ends after five minutes, the default": (
        f"{UPSTREAM_READER}.retry_on_failure",
        lambda c: _files(c)["retry_on_failure"].pop("max_elapsed_time"),
    ),
    "records that do not say which file": (
        f"{UPSTREAM_READER}.include_file_path",
        lambda c: _files(c).pop("include_file_path"),
    ),
    "parts of a line without the blanks at their end": (
        f"{UPSTREAM_READER}.preserve_trailing_whitespaces",
        lambda c: _files(c).pop("preserve_trailing_whitespaces"),
    ),
    "a stack trace without bound": (
        f"{UPSTREAM_READER}.operators[",
        lambda c: _recombine(c).pop("max_log_size"),
    ),
    "a stack trace of any number of lines": (
        f"{UPSTREAM_READER}.operators[",
        lambda c: _recombine(c).update(max_batch_size=0),
    ),
}
GIVES_UP = "every_exporter_waits_on_disk_and_never_gives_up: exporters.elasticsearch"
OVERLAY_FAULTS: dict[str, tuple[str, Fault]] = {
    "a misspelt setting of TLS, which validate accepts": (
        "every_tls_setting_is_known: exporters.otlp_http/traces.tls.min_versoin",
        lambda c: c["exporters"]["otlp_http/traces"]["tls"].update(min_versoin="1.3"),
    ),
    "Elasticsearch given up after three attempts, the default": (
        f"{GIVES_UP}.retry.max_retries",
        lambda c: c["exporters"]["elasticsearch"]["retry"].pop("max_retries"),
    ),
    "Elasticsearch given up when a proxy says 503": (
        f"{GIVES_UP}.retry.retry_on_status",
        lambda c: c["exporters"]["elasticsearch"]["retry"].pop("retry_on_status"),
    ),
    "Elasticsearch given up after a minute and a half, the default": (
        f"{GIVES_UP}.timeout",
        lambda c: c["exporters"]["elasticsearch"].pop("timeout"),
    ),
    "a token of an authenticator that never starts": (
        "references_to_extensions_lead_to_running_ones: exporters.otlp_http/traces.auth.authenticator",
        lambda c: c["service"]["extensions"].remove("bearertokenauth/traces"),
    ),
}
SEEDED = [
    *((GATEWAY, *fault) for fault in FAULTS.items()),
    *((AGENT, *fault) for fault in BOTH_AGENTS_FAULTS.items()),
    *((UPSTREAM_AGENT, f"{name}, upstream", fault) for name, fault in BOTH_AGENTS_FAULTS.items()),
    *((UPSTREAM_AGENT, *fault) for fault in UPSTREAM_AGENT_FAULTS.items()),
    *((WITH_EVERYTHING, *fault) for fault in OVERLAY_FAULTS.items()),
]


@pytest.mark.parametrize(("config", "seeded"), [(c, s) for c, _, s in SEEDED], ids=[name for _, name, _ in SEEDED])
def test_a_seeded_fault_is_found(config: dict[str, Any], seeded: tuple[str, Fault]) -> None:
    expected, seed = seeded
    broken = deepcopy(config)
    seed(broken)
    assert [problem for problem in problems(broken) if problem.startswith(expected)]


def test_every_rule_has_a_fault_that_it_finds() -> None:
    assert {expected.partition(":")[0] for _, _, (expected, _) in SEEDED} == {rule.__name__ for rule in RULES}


FITTING = {"QUEUE_BYTES": str(64 * MIB), "QUEUE_FILE_BYTES": str(256 * MIB)}


def test_three_queues_within_sixty_percent_of_the_volume_fit() -> None:
    assert queue_problems(GATEWAY, FITTING, volume=320 * MIB) == []


@pytest.mark.parametrize(
    ("told", "volume", "expected"),
    [
        ({}, 319 * MIB, "the queues together hold"),
        ({"QUEUE_FILE_BYTES": str(64 * MIB)}, 320 * MIB, "max_size"),
        ({"QUEUE_BYTES": str(4 * MIB)}, 320 * MIB, "does not fit into"),
        ({"QUEUE_BYTES": str(9 * MIB), "QUEUE_FILE_BYTES": str(30 * MIB)}, 320 * MIB, "begins above max_size"),
    ],
)
def test_queues_that_do_not_fit_are_refused(told: dict[str, str], volume: int, expected: str) -> None:
    assert any(expected in problem for problem in queue_problems(GATEWAY, FITTING | told, volume))


def test_the_agents_queues_fit_into_what_the_node_gives_them() -> None:
    assert queue_problems(AGENT, queue_environment("1Gi", 2, fsync=False), volume=1024 * MIB) == []
    assert queue_problems(AGENT, queue_environment("1Gi", 1, fsync=False), volume=1024 * MIB) != []


@pytest.mark.parametrize("choice", CHOICES)
def test_the_queues_of_the_gateway_and_its_overlays_fit_into_the_volume(choice: str) -> None:
    text = merged_choice(CHOICES[choice])
    assert (
        queue_problems(
            yaml.safe_load(text), queue_environment("512Mi", count_persistent_queues(text), fsync=True), 512 * MIB
        )
        == []
    )
