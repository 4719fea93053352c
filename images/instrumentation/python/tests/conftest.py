"""Runs hosts that know nothing of the package in an environment into which it has been installed, and servers for them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

sys.path.insert(0, str(Path(__file__).parent))

from installed import environment, with_libraries
from oldest import OLDEST

HOSTS = Path(__file__).parent / "hosts"
EACH_AGE = pytest.mark.parametrize("interpreter", ["oldest", "newest"], indirect=True)
"""Runs a test with the oldest libraries that the field runs, and with the newest."""


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> Path:
    """Python with the package and the hosts' libraries: the newest, or as EACH_AGE says."""
    newest = environment()
    return with_libraries(newest, OLDEST) if getattr(request, "param", "newest") == "oldest" else newest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: Callable[[], Any], seconds: float = 20) -> Any:
    """What ``what`` returns, once it is true."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


@dataclass
class Host:
    """A running host. ``lines`` are those of its stdout, each of which has to be a JSON object; ``errors`` is its stderr."""

    process: "subprocess.Popen[str]"
    lines: list[dict[str, Any]] = field(default_factory=list)
    errors: str = ""

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(json.loads(line) for line in self.process.stdout)

    def _errors(self) -> str:
        return self.process.stderr.read() if self.process.stderr else ""

    def wait(self, seconds: float = 30) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        self.errors = self._errors()
        return code

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def saying(self, word: str) -> list[dict[str, Any]]:
        return [line for line in list(self.lines) if word in str(line["message"])]


Start = Callable[..., Host]


@pytest.fixture
def start(interpreter: Path, tmp_path: Path) -> Iterator[Start]:
    """``start(program, **environment)``: a file of tests/hosts or a text, as the service ``host`` with its own metrics port."""
    with starting(interpreter, tmp_path) as begin:
        yield begin


@contextmanager
def starting(interpreter: Path, folder: Path) -> Iterator[Start]:
    """Hosts start in ``folder``, and end with the context."""
    running: list[Host] = []

    def begin(program: str, *arguments: str, wrapper: tuple[str, ...] = (), **environment: str) -> Host:
        file = HOSTS / program if program.endswith(".py") else folder / f"host{len(running)}.py"
        if not program.endswith(".py"):
            file.write_text(program)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"OTEL_SERVICE_NAME": "host", "METRICS_PORT": str(free_port()), "PYTHONUNBUFFERED": "1"}
        command = [str(interpreter), *wrapper, *([str(interpreter)] if wrapper else []), str(file), *arguments]
        process = subprocess.Popen(
            command,
            env={name: value for name, value in {**kept, **own, **environment}.items() if value},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(Host(process))
        return running[-1]

    yield begin
    for host in running:
        with suppress(ProcessLookupError):  # its children too, where it left any
            os.killpg(host.process.pid, signal.SIGKILL)
        host.process.wait()


@dataclass
class Receiver:
    """Takes spans by OTLP."""

    endpoint: str
    spans: list[trace_pb2.Span] = field(default_factory=list)

    def named(self, name: str) -> list[trace_pb2.Span]:
        return [span for span in list(self.spans) if span.name == name]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as taken:
        yield taken


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver at a free port, for gRPC."""
    taken = Receiver("")

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            for group in request.resource_spans:
                for scope in group.scope_spans:
                    taken.spans.extend(scope.spans)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
    taken.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield taken
    server.stop(None)


@pytest.fixture
def never() -> Iterator[str]:
    """The address of a receiver that takes requests and answers none."""
    over = threading.Event()

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            over.wait()
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(20))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
    address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield address
    over.set()
    server.stop(None)


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real Redis."""
    port = free_port()
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path_factory.mktemp("redis")),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_until(lambda: is_open(port))
    yield port
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def rabbitmq_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real RabbitMQ, with a node name and folders of its own."""
    folder, port = tmp_path_factory.mktemp("rabbitmq"), free_port()
    (folder / "plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = false\n")
    environment = {
        **os.environ,
        "HOME": str(folder),  # the cookie
        "RABBITMQ_NODENAME": f"atlas-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_BASE": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "flags"),
    }
    server = subprocess.Popen(
        ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
        env=environment,
        cwd=folder,
        stdout=(folder / "stdout").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_until(lambda: is_open(port), 90)
    yield port
    os.killpg(server.pid, signal.SIGTERM)
    server.wait()
    subprocess.run(["epmd", "-port", environment["ERL_EPMD_PORT"], "-kill"], capture_output=True, check=False)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
