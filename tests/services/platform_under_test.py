"""The platform's services as processes, over one bus, with a database of their own."""

import contextlib
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services import service_builds
from tests.services.data_servers import Postgres, RabbitMQ, Redis
from tests.support.addresses import answers, free_port
from tests.support.http_json import Answer, request
from tests.support.process import Process
from tests.support.waiting import wait_until


@dataclass
class Data:
    postgres: Postgres
    redis: Redis
    rabbitmq: RabbitMQ

    def bus(self, name: str) -> Redis | RabbitMQ:
        """The server of that bus."""
        return self.redis if name == "redis" else self.rabbitmq


@dataclass
class Platform:
    """Services are started by ``start``, and all stopped by ``stop``. ``shared`` is what every service gets besides its own."""

    data: Data
    bus: str
    folder: Path
    shared: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    password: str = ""
    token: str = field(default_factory=secrets.token_urlsafe)
    """What ops-ui shows the api."""

    def __post_init__(self) -> None:
        self.database = f"atlas_{secrets.token_hex(4)}"
        self.data.postgres.query(f"CREATE DATABASE {self.database}", database="postgres")

    def environment(self) -> dict[str, str]:
        """The variables of the data services, as the pods get them."""
        given = {
            "LOG_LEVEL": "info",
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(self.data.postgres.port),
            "POSTGRES_USER": "atlas",
            "POSTGRES_PASSWORD": self.data.postgres.password,
            "POSTGRES_DB": self.database,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.data.redis.port),
            "ALLOWED_MARKETS": "BTC-USD,ETH-USD",
            "PRICE_INTERVAL_SECONDS": "0.2",
        }
        if self.bus == "rabbitmq":
            given |= {
                "RABBITMQ_HOST": "127.0.0.1",
                "RABBITMQ_PORT": str(self.data.rabbitmq.port),
                "RABBITMQ_USER": "atlas",
                "RABBITMQ_PASSWORD": self.data.rabbitmq.password,
            }
        return given | self.shared

    def workers(
        self, name: str = "workers", extra: Path | None = None, wait: bool = True, **environment: str
    ) -> Process:
        port = self.ports.setdefault(name, free_port())
        given = self.environment() | {"METRICS_PORT": str(port)} | environment
        command = [service_builds.python("workers", extra), "-m", "workers.worker_main"]
        process = self._started(
            name, Process(command, given, self.folder / f"{name}.log", service_builds.SERVICES / "workers")
        )
        if wait:
            process.ready(lambda: self.series(name, "atlas_last_price"), f"{name} to hear prices")
        return process

    def api(self, extra: Path | None = None, **environment: str) -> Process:
        folder = service_builds.node("api", extra)
        port = self.ports.setdefault("api", free_port())
        given = self.environment() | {"PORT": str(port), "OPS_UI_TOKEN": self.token} | environment
        process = self._started("api", Process(["node", "dist/index.js"], given, self.folder / "api.log", folder))
        told = {"bus connected", "listening"}
        process.ready(lambda: told <= {line.get("message") for line in process.lines()}, "the api to be on the bus")
        return process

    def ops_ui(self, url: str, extra: Path | None = None, **environment: str) -> Process:
        """``url`` is where users reach it."""
        folder = service_builds.node("ops-ui", extra) / ".next/standalone"
        port = self.ports.setdefault("ops-ui", free_port())
        given = {
            "LOG_LEVEL": "info",
            "HOSTNAME": "127.0.0.1",
            "PORT": str(port),
            "NEXTAUTH_URL": url,
            "NODE_ENV": "production",
            "OPS_UI_TOKEN": self.token,
        }
        given |= (
            {"API_URL": self.url("api"), "METRICS_URL": self.url("workers", "/metrics")} | self.shared | environment
        )
        process = self._started("ops-ui", Process(["node", "server.js"], given, self.folder / "ops-ui.log", folder))
        process.ready(lambda: answers(port), "ops-ui")
        return process

    def _started(self, name: str, process: Process) -> Process:
        self.processes[name] = process
        return process

    def url(self, name: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def series(self, name: str, series: str) -> dict[str, float]:
        """The samples of a series that the service shows now, by their labels as written."""
        try:
            text = request(self.url(name, "/metrics")).text
        except OSError:
            return {}
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith((f"{series}{{", f"{series} "))]
        return {left.removeprefix(series): float(value) for left, _, value in lines}

    def value(self, name: str, series: str, labels: str = "") -> float:
        return self.series(name, series)[labels]

    def ask(
        self, path: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, user: str = ""
    ) -> Answer:
        """The api's answer, asked as ops-ui asks it, for ``user`` where one is given."""
        named = {"x-user-id": user} if user else {}
        shown = {"authorization": f"Bearer {self.token}", **named, **(headers or {})}
        return request(self.url("api", path), method, body, shown)

    def stream(self) -> urllib.request.Request:
        """The question for the api's event stream."""
        return urllib.request.Request(
            self.url("api", "/api/streams/sse"), headers={"authorization": f"Bearer {self.token}"}
        )

    def order(self, user: str = "trader-1", **order: Any) -> dict[str, Any]:
        """Place an order through the api; what became of it. One without a limit is never left open."""
        wanted = {"product": "BTC-USD", "side": "buy", "size": 0.001} | order
        answer = self.ask("/api/orders", "POST", wanted, user=user)
        assert answer.status == 202, answer
        return self.order_by_id(answer.json["orderId"], open_counts="price" in wanted)

    def order_by_id(self, order_id: str, open_counts: bool = True) -> dict[str, Any]:
        def found() -> Any:
            answer = self.ask(f"/api/orders/{order_id}")
            known = answer.json if answer.status == 200 else None
            return known if known and (open_counts or known["status"] != "open") else None

        return wait_until(found, 10, f"order {order_id}")

    def stop(self) -> None:
        """Every service, each with its exit code asserted to be 0."""
        codes = {name: process.stop() for name, process in self.processes.items()}
        self.processes.clear()
        assert set(codes.values()) <= {0}, codes


@contextlib.contextmanager
def platform(data: Data, bus: str, folder: Path, **shared: str) -> Iterator[Platform]:
    """Stops what the test started, also when it fails."""
    running = Platform(data, bus, folder, shared)
    try:
        yield running
    finally:
        running.stop()
