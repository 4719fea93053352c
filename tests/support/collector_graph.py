"""A Collector configuration judged as a graph, for what the Collector's own ``validate`` lets pass.

``problems`` names every finding by its path in the configuration. The rules and where they come from:
OpenTelemetry's resiliency, configuration and security pages; the measured losses of queues in memory, of batch processors before
persistent queues, and of full volumes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

Config = Mapping[str, Any]
Rule = Callable[[Config], Iterator[str]]

SIGNALS = ("logs", "metrics", "traces")
LOCAL_EXPORTERS = {"jaeger_storage_exporter"}
"""Exporters that write into their own process: nothing to wait for, so no queue."""
UNWANTED = {"batch", "debug", "logging", "zpages", "pprof", "nop"}
TLS = {
    "ca_file",
    "cert_file",
    "cipher_suites",
    "client_ca_file",
    "include_system_ca_certs_pool",
    "insecure",
    "insecure_skip_verify",
    "key_file",
    "max_version",
    "min_version",
    "reload_interval",
    "server_name_override",
}
QUEUE_SHARE = 0.6
"""Of a volume, for all queues together: a full volume loses what was acknowledged at the next kill."""


def kind(name: str) -> str:
    """The component's type: ``otlp_http`` of ``otlp_http/logs``."""
    return name.partition("/")[0]


def problems(config: Config) -> list[str]:
    """Everything wrong with ``config``."""
    return [f"{rule.__name__}: {problem}" for rule in RULES for problem in rule(config)]


def _part(config: Config, name: str) -> dict[str, Any]:
    return {key: item or {} for key, item in (config.get(name) or {}).items()}


def _pipelines(config: Config) -> dict[str, dict[str, list[str]]]:
    pipelines = config["service"]["pipelines"]
    return {
        name: {role: list(told.get(role) or []) for role in ("receivers", "processors", "exporters")}
        for name, told in pipelines.items()
    }


def _leaves(item: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(item, Mapping):
        for key, below in item.items():
            yield from _leaves(below, f"{path}.{key}" if path else str(key))
    elif isinstance(item, list):
        for at, below in enumerate(item):
            yield from _leaves(below, f"{path}[{at}]")
    else:
        yield path, item


def _queues(config: Config) -> dict[str, dict[str, Any]]:
    exporters = _part(config, "exporters")
    return {
        name: told.get("sending_queue") or {} for name, told in exporters.items() if kind(name) not in LOCAL_EXPORTERS
    }


def everything_used_is_defined(config: Config) -> Iterator[str]:
    connectors = set(_part(config, "connectors"))
    for name, pipeline in _pipelines(config).items():
        for role, used in pipeline.items():
            defined = set(_part(config, role)) | (connectors if role != "processors" else set())
            for component in used:
                if component not in defined:
                    yield f"service.pipelines.{name}.{role}: {component} is not defined"
        for role in ("receivers", "exporters"):
            if not pipeline[role]:
                yield f"service.pipelines.{name}: no {role}"
        if kind(name) not in SIGNALS:
            yield f"service.pipelines.{name}: {kind(name)} is no signal"
    for extension in config["service"].get("extensions") or []:
        if extension not in _part(config, "extensions"):
            yield f"service.extensions: {extension} is not defined"


def everything_defined_is_used(config: Config) -> Iterator[str]:
    pipelines = _pipelines(config).values()
    for role in ("receivers", "processors", "exporters"):
        used = {component for pipeline in pipelines for component in pipeline[role]}
        for name in _part(config, role):
            if name not in used:
                yield f"{role}.{name}: in no pipeline"
    for name in _part(config, "connectors"):
        for role in ("receivers", "exporters"):
            if not any(name in pipeline[role] for pipeline in pipelines):
                yield f"connectors.{name}: not among the {role} of any pipeline"
    for name in _part(config, "extensions"):
        if name not in (config["service"].get("extensions") or []):
            yield f"extensions.{name}: not in service.extensions, so it never starts"


def references_to_extensions_lead_to_running_ones(config: Config) -> Iterator[str]:
    running = config["service"].get("extensions") or []
    for path, item in _leaves({key: config.get(key) or {} for key in ("receivers", "exporters", "extensions")}):
        if path.endswith((".storage", ".authenticator")) and isinstance(item, str) and item not in running:
            yield f"{path}: {item} is not in service.extensions"


def the_memory_limiter_stands_first_where_data_comes_in(config: Config) -> Iterator[str]:
    connectors = set(_part(config, "connectors"))
    for name, pipeline in _pipelines(config).items():
        comes_in = set(pipeline["receivers"]) - connectors
        if comes_in and [kind(item) for item in pipeline["processors"][:1]] != ["memory_limiter"]:
            yield f"service.pipelines.{name}: memory_limiter is not the first processor"
    for name, told in _part(config, "processors").items():
        if kind(name) == "memory_limiter":
            if str(told.get("check_interval", "0s")) in ("0", "0s"):
                yield f"processors.{name}.check_interval: unset, so the limiter is off"
            if not told.get("limit_percentage") and not told.get("limit_mib"):
                yield f"processors.{name}: no limit"
            elif not told.get("spike_limit_percentage") and not told.get("spike_limit_mib"):
                yield f"processors.{name}: no spike limit"


def no_batch_processor_stands_before_a_queue(config: Config) -> Iterator[str]:
    pipelines = _pipelines(config)
    connectors = set(_part(config, "connectors"))

    def leads_to_a_queue(name: str, seen: frozenset[str]) -> bool:
        for exporter in pipelines[name]["exporters"]:
            if exporter not in connectors:
                return True
            below = [other for other, told in pipelines.items() if exporter in told["receivers"] and other not in seen]
            if any(leads_to_a_queue(other, seen | {other}) for other in below):
                return True
        return False

    for name, pipeline in pipelines.items():
        if any(kind(item) == "batch" for item in pipeline["processors"]) and leads_to_a_queue(name, frozenset({name})):
            yield f"service.pipelines.{name}: a batch processor acknowledges what is not stored yet; batch in the queue"


def every_exporter_waits_on_disk_and_never_gives_up(config: Config) -> Iterator[str]:
    queues = _queues(config)
    for name, queue in queues.items():
        path, retry = f"exporters.{name}", _part(config, "exporters")[name].get("retry_on_failure") or {}
        if queue.get("enabled") is False or not queue.get("storage"):
            yield f"{path}.sending_queue.storage: the queue is in memory"
        if queue.get("sizer") != "bytes":
            yield f"{path}.sending_queue.sizer: not bytes, so the volume may fill up"
        if "queue_size" not in queue:
            yield f"{path}.sending_queue.queue_size: unset"
        if not queue.get("batch"):
            yield f"{path}.sending_queue.batch: unset, so every request travels alone"
        if kind(name) == "elasticsearch":
            yield from _elasticsearch_gives_up(path, _part(config, "exporters")[name])
        elif retry.get("enabled") is False or str(retry.get("max_elapsed_time", "300s")) not in ("0", "0s"):
            yield f"{path}.retry_on_failure.max_elapsed_time: not 0s, so a longer outage drops data"
    stores = [queue["storage"] for queue in queues.values() if queue.get("storage")]
    for store in sorted({store for store in stores if stores.count(store) > 1}):
        yield f"extensions.{store}: serves more than one exporter"


def _elasticsearch_gives_up(path: str, told: Mapping[str, Any]) -> Iterator[str]:
    """It has settings of its own for this, and a timeout that ends all attempts together."""
    retry = told.get("retry") or {}
    if retry.get("enabled") is not True or retry.get("max_retries", 2) < 1_000_000:
        yield f"{path}.retry.max_retries: a longer outage drops data"
    if not {429, 500, 502, 503, 504} <= set(retry.get("retry_on_status") or []):
        yield f"{path}.retry.retry_on_status: a store that is out answers with 502 or 503, which drops data"
    if str(told.get("timeout", "90s")) not in ("0", "0s"):
        yield f"{path}.timeout: ends all attempts together, so a longer outage drops data"


def every_file_storage_can_recover(config: Config) -> Iterator[str]:
    stores = {name: told for name, told in _part(config, "extensions").items() if kind(name) == "file_storage"}
    directories = [told.get("directory") for told in stores.values()]
    for name, told in stores.items():
        path, compaction = f"extensions.{name}", told.get("compaction") or {}
        if not told.get("directory") or directories.count(told["directory"]) > 1:
            yield f"{path}.directory: not its own"
        elif PurePosixPath(told["directory"]).parent not in PurePosixPath(str(compaction.get("directory"))).parents:
            yield f"{path}.compaction.directory: not on the queue's volume"
        for key in ("create_directory", "recreate"):
            if told.get(key) is not True:
                yield f"{path}.{key}: not true"
        for key in ("on_start", "on_rebound", "cleanup_on_start"):
            if compaction.get(key) is not True:
                yield f"{path}.compaction.{key}: not true"
        if not told.get("max_size"):
            yield f"{path}.max_size: no fence"
        if "fsync" not in told:
            yield f"{path}.fsync: undecided"


def nothing_listens_on_every_address(config: Config) -> Iterator[str]:
    for path, item in _leaves(config):
        if isinstance(item, str) and re.search(
            r"(^|[/\s])(0\.0\.0\.0|\[::\]|::|\*)?:\d+$|^0\.0\.0\.0|^\[?::\]?$", item
        ):
            yield f"{path}: {item} listens on every address"
    for name, told in _part(config, "receivers").items():
        if kind(name) == "otlp":
            for protocol, settings in (told.get("protocols") or {}).items():
                if not (settings or {}).get("endpoint"):
                    yield f"receivers.{name}.protocols.{protocol}.endpoint: unset"
    for name, told in _part(config, "extensions").items():
        if kind(name) == "health_check" and not told.get("endpoint"):
            yield f"extensions.{name}.endpoint: unset"


def receivers_bound_what_they_take(config: Config) -> Iterator[str]:
    for name, told in _part(config, "receivers").items():
        if kind(name) == "otlp":
            path, protocols = f"receivers.{name}.protocols", told.get("protocols") or {}
            grpc, http = protocols.get("grpc") or {}, protocols.get("http") or {}
            for key in ("max_recv_msg_size_mib", "max_concurrent_streams"):
                if "grpc" in protocols and not grpc.get(key):
                    yield f"{path}.grpc.{key}: unset"
            for key in ("max_request_body_size", "compression_algorithms"):
                if "http" in protocols and not http.get(key):
                    yield f"{path}.http.{key}: unset"
            if "cors" in http:
                yield f"{path}.http.cors: no browser sends telemetry here"


def no_debugging_component_is_built_in(config: Config) -> Iterator[str]:
    for part in ("processors", "exporters", "extensions", "receivers", "connectors"):
        for name in _part(config, part):
            if kind(name) in UNWANTED:
                yield f"{part}.{name}: not for a deployed Collector"


def every_file_reader_remembers_where_it_was(config: Config) -> Iterator[str]:
    for name, told in _part(config, "receivers").items():
        path = f"receivers.{name}"
        if kind(name) not in ("file_log", "pod_logs"):
            continue
        if not told.get("storage"):
            yield f"{path}.storage: no checkpoint, so a restart reads all again or nothing"
        if told.get("start_at") != "beginning":
            yield f"{path}.start_at: what is written before the first look is never read"
        if not told.get("max_log_size"):
            yield f"{path}.max_log_size: unset"
        if kind(name) == "file_log":
            yield from _lines_are_whole(path, told)


def _lines_are_whole(path: str, told: Mapping[str, Any]) -> Iterator[str]:
    """What our own receiver sees to itself has to be set for the upstream one."""
    retry = told.get("retry_on_failure") or {}
    if retry.get("enabled") is not True or str(retry.get("max_elapsed_time", "5m")) not in ("0", "0s"):
        yield f"{path}.retry_on_failure: lines are dropped while the queue is full"
    for key in ("include_file_path", "preserve_trailing_whitespaces"):
        if not told.get(key):
            yield f"{path}.{key}: unset"
    for at, operator in enumerate(told.get("operators") or []):
        if operator["type"] == "recombine":
            for key in ("max_log_size", "max_batch_size", "max_sources", "force_flush_period"):
                if not operator.get(key):
                    yield f"{path}.operators[{at}].{key}: no bound"


def no_certificate_goes_unchecked(config: Config) -> Iterator[str]:
    for path, item in _leaves(config):
        # Of the kubelet's alone a setting decides, which is off by default.
        if path == "receivers.kubelet_stats.insecure_skip_verify" and item == "${env:KUBELET_INSECURE}":
            continue
        if path.endswith("insecure_skip_verify") and item is not False:
            yield f"{path}: the other side's certificate must be checked"


def every_tls_setting_is_known(config: Config) -> Iterator[str]:
    """A misspelt one is passed over in silence."""
    for path, _ in _leaves({key: config.get(key) or {} for key in ("receivers", "exporters", "extensions")}):
        above, _, key = path.rpartition(".")
        if above.endswith(".tls") and key.partition("[")[0] not in TLS:
            yield f"{path}: no setting of TLS"


RULES: tuple[Rule, ...] = (
    everything_used_is_defined,
    everything_defined_is_used,
    references_to_extensions_lead_to_running_ones,
    the_memory_limiter_stands_first_where_data_comes_in,
    no_batch_processor_stands_before_a_queue,
    every_exporter_waits_on_disk_and_never_gives_up,
    every_file_storage_can_recover,
    nothing_listens_on_every_address,
    receivers_bound_what_they_take,
    no_debugging_component_is_built_in,
    every_file_reader_remembers_where_it_was,
    no_certificate_goes_unchecked,
    every_tls_setting_is_known,
)


def queue_problems(config: Config, environment: Mapping[str, str], volume: int) -> list[str]:
    """What does not fit into a volume of ``volume`` bytes, with the numbers that ``environment`` gives."""

    def number(item: Any) -> int:
        return int(re.sub(r"\$\{env:(\w+)\}", lambda found: environment[found[1]], str(item)))

    found: list[str] = []
    stores = _part(config, "extensions")
    total = 0
    for name, queue in _queues(config).items():
        size, batch = number(queue["queue_size"]), queue["batch"]
        total += size
        store = stores[queue["storage"]]
        fence, compaction = number(store["max_size"]), store["compaction"]
        if fence <= size:
            found.append(f"extensions.{queue['storage']}.max_size: {fence} is not above the queue's {size}")
        if max(compaction["rebound_needed_threshold_mib"], compaction["rebound_trigger_threshold_mib"]) << 20 > fence:
            found.append(f"extensions.{queue['storage']}.compaction: begins above max_size ({fence})")
        if not 0 < batch["min_size"] <= batch["max_size"] <= size:
            found.append(
                f"exporters.{name}.sending_queue.batch: {batch['min_size']} to {batch['max_size']} does not fit into {size}"
            )
    if total > QUEUE_SHARE * volume:
        found.append(f"the queues together hold {total} of a volume of {volume}: above {QUEUE_SHARE:.0%}")
    return found
