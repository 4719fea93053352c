"""Configurations that are known to lose: what each drill has to notice."""

from typing import Any


def _queued(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [exporter for exporter in config["exporters"].values() if "sending_queue" in exporter]


def queue_in_memory(config: dict[str, Any]) -> None:
    """The Collector's default."""
    for exporter in _queued(config):
        del exporter["sending_queue"]["storage"]


def gives_up(config: dict[str, Any]) -> None:
    """The Collector's default is 300 s; the drill's outage is shorter."""
    for exporter in _queued(config):
        exporter["retry_on_failure"] |= {"max_interval": "2s", "max_elapsed_time": "5s"}


def no_checkpoints(config: dict[str, Any]) -> None:
    """Every start reads every file again."""
    del config["receivers"]["pod_logs"]["storage"]


def no_memory_limiter(config: dict[str, Any]) -> None:
    """The Collector's default, with the queue in memory that is its default as well, unbounded."""
    for pipeline in config["service"]["pipelines"].values():
        pipeline["processors"] = [name for name in pipeline.get("processors", []) if name != "memory_limiter"]
    for exporter in _queued(config):
        del exporter["sending_queue"]["storage"]
        exporter["sending_queue"]["queue_size"] = 1 << 40
