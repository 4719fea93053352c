"""The telemetry's whole way as production has it, under load: container log files, agent, gateways, stores that count."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.collector_config import merge_configs
from tests.faults.counting import Sender, Source, State, Store, Writer
from tests.faults.rendered import Rendered, workload
from tests.support.agent_process import UPSTREAM_AGENT, UPSTREAM_FLAGS, Agent, ContainerLog
from tests.support.collector_process import UPSTREAM_GATEWAY, Gateway
from tests.support.name_server import NameServer
from tests.support.tool_process import running

Variant = Callable[[dict[str, Any]], None]
STORES = {"logs": "logs", "traces": "traces", "metrics": "metrics", "metrics_replica": "metrics"}
"""What production's gateways write to, and the signal that each takes."""
PATHS = {"metrics": "/api/v1/otlp", "metrics_replica": "/api/v1/otlp", "logs": "/otlp", "traces": ""}
VICTORIALOGS_PATHS = PATHS | {"logs": "/insert/opentelemetry"}
WITH_VICTORIALOGS = {"logs": {"backend": "victorialogs"}, "loki": {"replicas": 1, "objectStorage": None}}
"""Changes of production's settings that put VictoriaLogs in Loki's place."""
OWED = {"file": ("logs",), "otlp": ("logs",), "span": ("traces",), "point": ("metrics", "metrics_replica")}
"""The sources of a load, and the stores that have to get what they send."""
QUIET = 9
"""Seconds; after the short outages of most drills no exporter waits longer than that. F1 has a patience of its own."""
NAME = "otel-collector.observability.svc"


def gateway_of(
    rendered: Rendered,
    folder: Path,
    stores: Mapping[str, str],
    *,
    ordinal: int = 0,
    upstream: bool = False,
    variant: Variant | None = None,
    environment: Mapping[str, str] | None = None,
    through: Sequence[str] = (),
    paths: Mapping[str, str] = PATHS,
    pods: Mapping[tuple[str, str], list[dict[str, Any]]] | None = None,
) -> Gateway:
    """A gateway as production has it, with ``stores`` (base URLs) in place of production's; ``paths`` are their paths for OTLP.

    With ``upstream`` it is as the upstream image runs it. Senders are the node agent, unless ``pods`` say otherwise.
    """
    replica = {"METRICS_REPLICA_ENDPOINT": stores["metrics_replica"] + paths["metrics_replica"]}
    text = rendered.file("gateway.yaml")
    return Gateway(
        folder,
        {name: stores[name] + paths[name] for name in ("logs", "traces", "metrics")},
        text=merge_configs([text, UPSTREAM_GATEWAY.read_text()]) if upstream else text,
        environment={
            **{name: value for name, value in rendered.env.items() if not name.endswith("_ENDPOINT")},
            **replica,
            "HOSTNAME": f"otel-collector-{ordinal}",
            **(environment or {}),
        },
        variant=variant,
        through=through,
        pods=pods,
    )


def agent_of(
    rendered: Rendered,
    folder: Path,
    gateway: str,
    *,
    upstream: bool = False,
    variant: Variant | None = None,
    environment: Mapping[str, str] | None = None,
    through: Sequence[str] = (),
) -> Agent:
    """An agent as production has it, with ``gateway`` as its gateways' address; ``upstream`` as the upstream image runs it."""
    text, flags = rendered.file("agent.yaml"), UPSTREAM_FLAGS if upstream else []
    return Agent(
        folder,
        gateway,
        text=merge_configs([text, UPSTREAM_AGENT.read_text()]) if upstream else text,
        environment=dict(rendered.env) | dict(environment or {}),
        flags=[*(argument for argument in rendered.args if not argument.startswith("--config")), *flags],
        variant=variant,
        through=through,
    )


@dataclass
class Load:
    """What sends to a pipeline: each source with its numbers."""

    senders: Sequence[Source]
    began: float = 0
    ended: float = 0

    def start(self) -> None:
        self.began = time.monotonic()
        for sender in self.senders:
            sender.start()

    def stop(self) -> None:
        for sender in self.senders:
            sender.stop()
        self.ended = self.ended or time.monotonic()

    @property
    def sent(self) -> int:
        return sum(sender.sent for sender in self.senders)

    @property
    def logs_a_second(self) -> float:
        """At which it was sent, over its whole time."""
        logs = sum(sender.sent for sender in self.senders if "logs" in OWED[sender.source.partition("-")[0]])
        return logs / (self.ended - self.began)

    @property
    def acknowledged(self) -> int:
        return sum(len(sender.acknowledged) for sender in self.senders)

    def answers(self) -> dict[str, int]:
        """How often the senders over the network were answered otherwise than with 200."""
        told: dict[str, int] = {}
        for sender in self.senders:
            for answer, times in sender.answers.items() if isinstance(sender, Sender) else ():
                if answer != "200":
                    told[answer] = told.get(answer, 0) + times
        return told

    def owed(self) -> dict[str, dict[str, set[int]]]:
        """By store, what was acknowledged until now and has to get there."""
        found: dict[str, dict[str, set[int]]] = {name: {} for name in STORES}
        for sender in self.senders:
            for store in OWED[sender.source.partition("-")[0]]:
                found[store][sender.source] = set(sender.acknowledged)
        return found


class Pipeline:
    """One agent, one or more gateways, four stores. The agent finds several gateways as in a cluster, by their common name."""

    def __init__(
        self,
        folder: Path,
        *,
        gateways: int = 1,
        changes: Mapping[str, Any] | None = None,
        gateway_variant: Variant | None = None,
        agent_variant: Variant | None = None,
        environment: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
    ) -> None:
        """``changes`` are of production's settings; the variants, ``environment`` and ``through`` are of the gateways."""
        self.rendered, rendered_agent = workload("otel-collector", changes), workload("node-agent", changes)
        self.stores = {name: Store() for name in STORES}
        self.gateways = [
            gateway_of(
                self.rendered,
                folder / f"gateway-{ordinal}",
                {name: store.url for name, store in self.stores.items()},
                ordinal=ordinal,
                variant=gateway_variant,
                environment=environment,
                through=through,
            )
            for ordinal in range(gateways)
        ]
        names = NameServer({NAME: [gateway.address for gateway in self.gateways]})
        endpoint = f"dns://{names.address}/{NAME}:4317"
        self.agent = agent_of(rendered_agent, folder / "agent", endpoint, variant=agent_variant)
        self.grace = {"gateway": self.rendered.grace, "agent": rendered_agent.grace}
        self._logs = 0

    @property
    def gateway(self) -> Gateway:
        return self.gateways[0]

    def load(self, rate: float, *, padding: int = 200, others: float = 0.2) -> Load:
        """Log records at ``rate`` a second, half by files, half by OTLP; of spans and of data points the share ``others`` of it."""
        self._logs += 1
        log = ContainerLog(self.agent.pods, container=f"api-{self._logs}")
        senders: list[Source] = [Writer(log, f"file-{self._logs}", rate=rate / 2, padding=padding, rotate=10_000)]
        share = rate / len(self.gateways)
        for ordinal, gateway in enumerate(self.gateways):
            mark = f"{self._logs}-{ordinal}"
            senders += [
                Sender("logs", gateway.address, f"otlp-{mark}", rate=share / 2, padding=padding),
                Sender("traces", gateway.address, f"span-{mark}", rate=share * others, padding=padding, connections=2),
                Sender(
                    "metrics", gateway.address, f"point-{mark}", rate=share * others, padding=padding, connections=2
                ),
            ]
        return Load(senders)

    def set_stores(self, state: State) -> None:
        for store in self.stores.values():
            store.state = state

    def missing(self, owed: Mapping[str, dict[str, set[int]]]) -> int:
        """How much of what is owed has not come."""
        return sum(self.stores[name].missing(sources) for name, sources in owed.items())

    def drained(self, owed: Mapping[str, dict[str, set[int]]], within: float) -> float:
        """The seconds until all of it has come; ``within`` when it has not."""
        begun = time.monotonic()
        while (spent := time.monotonic() - begun) < within and self.missing(owed):
            time.sleep(0.1)
        return min(spent, within)

    def settle(self, load: Load, within: float = 60) -> int:
        """How much of what was acknowledged never comes: none is missing, or nothing has come for longer than exporters wait."""
        owed, begun, since, missing = load.owed(), time.monotonic(), time.monotonic(), -1
        while time.monotonic() - begun < within and time.monotonic() - since < QUIET and missing:
            found = self.missing(owed)
            if found != missing:
                missing, since = found, time.monotonic()
            time.sleep(0.1)
        # What was sent twice comes a little later.
        time.sleep(2)
        return self.missing(owed)

    def doubled(self) -> int:
        return sum(store.doubled() for store in self.stores.values())

    @property
    def largest(self) -> int:
        """The number of records in the largest request that a store took."""
        return max(store.largest for store in self.stores.values())


def takes(address: str, source: str) -> bool:
    """Whether a gateway takes log records now: ten in a row, without a refusal. They are not counted."""
    sender = Sender("logs", address, source, rate=100, batch=1, connections=1)
    sender.start()
    time.sleep(0.15)
    sender.stop()
    return set(sender.answers) == {"200"}


def taken_after(address: str, within: float) -> float:
    """The seconds until a gateway takes log records; ``within`` and a little more when it does not."""
    begun = time.monotonic()
    while not takes(address, "after") and time.monotonic() - begun < within:
        time.sleep(0.2)
    return time.monotonic() - begun


@contextmanager
def flowing(pipeline: Pipeline) -> Iterator[Pipeline]:
    """Runs it all, and ends it all."""
    with ExitStack() as stack:
        for store in pipeline.stores.values():
            stack.callback(store.close)
        for gateway in pipeline.gateways:
            stack.enter_context(running(gateway))
        stack.enter_context(running(pipeline.agent))
        yield pipeline
