"""A deployed stack as a person reaches it: its stores' own APIs at ports of this machine, and kubectl."""

import base64
import http.client
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from catalog.log_stores import DATA_SOURCE_TYPES, LogStore
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.http_json import Answer, request
from tests.support.log_store import LogStoreClient, Record
from tests.support.repository import nothing_said, tool_path
from tests.support.waiting import wait_until
from tools.node_host import NodeHost
from tools.port_forward import Access, PortForward, open_port_forward

SERVICES: Mapping[str, tuple[str, int]] = {
    "prometheus": ("observability", 9090),
    "alertmanager": ("observability", 9093),
    "loki": ("observability", 3100),
    "victorialogs": ("observability", 9428),
    "jaeger": ("observability", 16686),
    "otel-collector": ("observability", 4318),
    "api": ("trading", 8000),
    "ops-ui": ("trading", 3000),
    "webhook-receiver": ("webhook-receiver", 8080),
}
"""Services with their namespace and the port that is opened."""
T = TypeVar("T")


@dataclass
class RunningStack:
    """The stack that runs from ``repository``. One door to each service is opened when it is first used, and stays open."""

    repository: Path
    access: Access
    receiver_since: float = 0
    """When those who are told of alerts began to listen, Unix seconds; 0 where that is not known."""
    _forwards: dict[str, tuple[AbstractContextManager[int], int]] = field(default_factory=dict)

    @property
    def cluster(self) -> EmbeddedCluster:
        return EmbeddedCluster(self.repository / ".local/cluster", node=True)

    def ask(
        self,
        service: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Get something from a service, or post ``body`` to it as JSON. The api is asked as ops-ui asks it."""
        url = f"http://127.0.0.1:{self.port(service)}{path}"
        shown = {"authorization": f"Bearer {self.ops_ui_token}"} if service == "api" else {}
        return request(url, body=body, headers=shown | dict(headers or {}), query=query, timeout=30)

    @cached_property
    def ops_ui_token(self) -> str:
        """What ops-ui shows the api."""
        (secret,) = (
            each
            for each in self.cluster.objects("secrets", "--selector=app.kubernetes.io/name=ops-ui")
            if "opsUiToken" in each["data"]
        )
        return base64.b64decode(secret["data"]["opsUiToken"]).decode()

    def output(self, name: str) -> str:
        """An output of the stack, a secret one too."""
        command = f'eval "$(make --no-print-directory env)" && pulumi stack output {name} --show-secrets --stack local'
        answer = subprocess.run(
            ["sh", "-ec", command], cwd=self.repository, env=nothing_said(), capture_output=True, text=True, check=True
        )
        return answer.stdout.strip()

    def port(self, service: str) -> int:
        """The port of this machine at which a service answers."""
        if service not in self._forwards:
            namespace, port = SERVICES[service]
            opened = open_port_forward(PortForward(namespace=namespace, service=service, port=port), self.access)
            self._forwards[service] = (opened, opened.__enter__())
        return self._forwards[service][1]

    def close(self, *services: str) -> None:
        """Close doors, all when none is named; one whose pod is another one by now is opened again by its next use."""
        for service in services or tuple(self._forwards):
            if opened := self._forwards.pop(service, None):
                opened[0].__exit__(None, None, None)

    def metrics(self, query: str) -> list[tuple[dict[str, str], float]]:
        """What Prometheus answers now, each series with its value."""
        answer = self.ask("prometheus", "/api/v1/query", query={"query": query})
        assert answer.status == 200, f"{query}\n{answer.text}"
        return [(each["metric"], float(each["value"][1])) for each in answer.json["data"]["result"]]

    def number(self, query: str) -> float:
        """The value of the one series that Prometheus answers; 0 for none."""
        found = self.metrics(query)
        assert len(found) < 2, f"{query} is {len(found)} series"
        return found[0][1] if found else 0

    @cached_property
    def log_store(self) -> LogStoreClient:
        """The log store that is deployed."""
        names = self.cluster.kubectl("get", "services", "--namespace=observability", "--output=name").stdout.split()
        deployed: list[LogStore] = [each for each in DATA_SOURCE_TYPES if f"service/{each}" in names]
        (store,) = deployed
        return LogStoreClient(store, lambda path, query: self.ask(store, path, query=query))

    def logs(self, query: str, limit: int = 5000) -> list[Record]:
        """The records of the last hour that a LogQL query finds, newest first: labels and structured metadata, and the line."""
        return self.log_store.lines(query, limit)

    def trace(self, trace: str) -> list[dict[str, Any]]:
        """A trace's spans as Jaeger gives them, each with its ``service``; none where it does not know the trace."""
        answer = self.ask("jaeger", f"/api/traces/{trace}")
        if answer.status == 404:
            return []
        return [
            span | {"service": whole["processes"][span["processID"]]["serviceName"]}
            for whole in answer.json["data"] or []
            for span in whole["spans"]
        ]

    def send(self, signal: str, payload: Mapping[str, Any]) -> None:
        """Give an OTLP request to the gateway, which has to take it."""
        answer = self.ask("otel-collector", f"/v1/{signal}", payload)
        assert answer.status == 200, answer.text


def running_stack(repository: Path) -> RunningStack:
    """The local stack of a copy of the repository.

    Raises:
        ClusterError: it does not run.
    """
    cluster = repository / ".local/cluster"
    environment = {**os.environ, "KUBECONFIG": str(cluster / "kubeconfig"), "PATH": tool_path()}
    inside = NodeHost(cluster / "node").enter("env", mounts=False)
    private = repository / ".local"
    access = Access(environment=environment, context="atlas-local", private=private, node_command=inside)
    return RunningStack(repository, access)


def awaited(condition: Callable[[], T], seconds: float, what: str | Callable[[], str], every: float = 0.5) -> T:
    """As ``wait_until``, with the patience that a whole stack asks for."""
    return wait_until(condition, seconds, what, every)


@contextmanager
def repeated(ask: Callable[[], object], *, every: float, users: int = 1) -> Iterator[None]:
    """So many users who ask again and again meanwhile, with ``every`` seconds between; an unanswered one asks again."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every):
            with suppress(OSError, http.client.HTTPException):
                ask()

    threads = [threading.Thread(target=work) for _ in range(users)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in threads:
            each.join()
