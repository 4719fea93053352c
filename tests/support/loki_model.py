"""Which log records Loki takes by their times, as its public documentation says it. Loki itself cannot be run here.

- A stream is a unique set of labels; which attributes of a resource become labels, ``otlp_config`` says. A record that has none of
  them is in a stream as well.
- Per stream, a record is refused ("entry too far behind") when it is older than the newest that the stream has had, less half of
  ``max_chunk_age`` (grafana.com/docs/loki/latest/configure, "Accept out-of-order writes").
- With ``reject_old_samples``, a record is refused that is older than ``reject_old_samples_max_age``, and in any case one that is
  further ahead than ``creation_grace_period`` (the same page, ``limits_config``).
- What is refused is gone: the other records of the request are stored and the answer is 400, which a sender does not repeat.
- A record without a time has that of its observation, else that of its arrival.

It is stricter than Loki in one thing: a stream is never forgotten, as Loki does when it was idle for ``chunk_idle_period``.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

CONFIG = Path(__file__).parents[2] / "config/loki/loki.yaml"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str) -> float:
    """A duration as Loki's configuration has it: ``1h30m``."""
    parts = re.findall(r"(\d+)([smhd])", duration)
    assert "".join(number + unit for number, unit in parts) == duration
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


@dataclass(kw_only=True)
class LokiModel:
    """``labels`` are attributes of a resource. ``late``, ``oldest`` and ``ahead`` are in seconds."""

    labels: Sequence[str]
    late: float
    oldest: float
    ahead: float
    refused: Counter[str] = field(default_factory=Counter[str])
    newest: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])

    @staticmethod
    def as_shipped(retention: str = "7d", shorter: float = 1) -> "LokiModel":
        """By the configuration that ships, with all times divided by ``shorter``."""
        config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
        limits = config["limits_config"]
        (labels,) = limits["otlp_config"]["resource_attributes"]["attributes_config"]
        assert labels["action"] == "index_label"
        assert limits["reject_old_samples"]
        oldest = limits["reject_old_samples_max_age"].replace("${LOKI_RETENTION}", retention)
        return LokiModel(
            labels=labels["attributes"],
            late=seconds(config["ingester"]["max_chunk_age"]) / 2 / shorter,
            oldest=seconds(oldest) / shorter,
            ahead=seconds(limits["creation_grace_period"]) / shorter,
        )

    def take(self, request: ExportLogsServiceRequest) -> Iterator[Any]:
        """The records that it stores, in their order; the others are counted in ``refused`` by Loki's names for the reasons."""
        now = time.time_ns()
        for group in request.resource_logs:
            told: Mapping[str, str] = {pair.key: pair.value.string_value for pair in group.resource.attributes}
            stream = tuple(told.get(label, "") for label in self.labels)
            for scope in group.scope_logs:
                for record in scope.log_records:
                    moment = record.time_unix_nano or record.observed_time_unix_nano or now
                    reason = self._reason(moment, now, self.newest.get(stream, moment))
                    if reason:
                        self.refused[reason] += 1
                        continue
                    self.newest[stream] = max(moment, self.newest.get(stream, 0))
                    yield record

    def _reason(self, moment: int, now: int, newest: int) -> str | None:
        if moment < now - self.oldest * 1e9:
            return "greater_than_max_sample_age"
        if moment > now + self.ahead * 1e9:
            return "too_far_in_future"
        return "too_far_behind" if moment < newest - self.late * 1e9 else None
