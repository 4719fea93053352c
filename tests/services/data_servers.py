"""Real PostgreSQL, Redis and RabbitMQ on free loopback ports, each with a folder of its own. Stopped by who started them."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.addresses import answers, free_port
from tests.support.machine import require_program
from tests.support.process import Process

POSTGRES = Path("/usr/lib/postgresql/15/bin")
RABBITMQ = Path("/usr/lib/rabbitmq/bin")


class Server:
    """``start`` and ``stop`` may be repeated: the port and the data stay."""

    ends_by = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: Process | None = None

    def start(self) -> None:
        self.process = self._start()
        self.process.ready(self._there(), f"{type(self).__name__} at port {self.port}", 60)

    def stop(self) -> None:
        if self.process:
            self.process.stop(self.ends_by, seconds=60)
            self.process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Meanwhile it takes connections and answers nothing."""
        assert self.process
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def remove(self) -> None:
        """What ``start`` left outside ``folder``."""

    def _start(self) -> Process:
        raise NotImplementedError

    def _there(self) -> Callable[[], bool]:
        return lambda: answers(self.port)


class Redis(Server):
    def _start(self) -> Process:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": "", "appendonly": "no"}
        command = [require_program("redis-server", "redis-server")]
        command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        return Process(command, {}, self.folder / "log")


class Postgres(Server):
    """Runs as ``postgres`` where the tests are root's: it refuses root."""

    ends_by = signal.SIGINT  # does not wait for its clients

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.password = secrets.token_urlsafe(24)
        self._user = "postgres" if os.geteuid() == 0 else None
        self._data: Path | None = None

    def _start(self) -> Process:
        if self._data is None:
            # Not below pytest's folder, which nobody else may enter.
            self._data = Path(tempfile.mkdtemp(prefix="atlas-postgres-"))
            (password := self._data / "password").write_text(self.password)
            if self._user:
                for path in (self._data, password):
                    shutil.chown(path, self._user)
            command = [
                require_program("initdb", "postgresql", POSTGRES),
                "-D",
                self._data / "data",
                "-U",
                "atlas",
                "-A",
                "scram-sha-256",
            ]
            command += ["--pwfile", password, "-E", "UTF8", "--locale", "C", "--no-sync"]
            subprocess.run(command, user=self._user, cwd=self._data, check=True, capture_output=True)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._data,
            "fsync": "off",
        }
        command = [require_program("postgres", "postgresql", POSTGRES), "-D", self._data / "data"]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Process(command, {}, self.folder / "log", cwd=self._data, user=self._user)

    def _there(self) -> Callable[[], bool]:
        return lambda: self.query("SELECT 1", database="postgres", check=False) == "1"

    def query(self, sql: str, database: str = "atlas", check: bool = True) -> str:
        """What psql prints, unaligned."""
        command = [
            require_program("psql", "postgresql-client", POSTGRES),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "atlas",
        ]
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": self.password}
        ran = subprocess.run(
            [*command, "-d", database, "-qAtc", sql], env=environment, check=check, capture_output=True, text=True
        )
        return ran.stdout.strip()

    def remove(self) -> None:
        if self._data:
            shutil.rmtree(self._data)


class RabbitMQ(Server):
    """With a port mapper of its own, so that no daemon is left behind and no other broker is met."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.password = secrets.token_urlsafe(24)
        self._mapper_port, self._peer_port = free_port(), free_port()
        self._mapper: Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Of the broker and of rabbitmqctl."""
        return {
            "HOME": str(self.folder),
            "RUNNING_UNDER_SYSTEMD": "true",  # no shell between us and the broker: every signal reaches it
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "atlas@localhost",
            "RABBITMQ_DIST_PORT": str(self._peer_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 1:1",
        }

    def _start(self) -> Process:
        config = f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndefault_user = atlas\ndefault_pass = {self.password}\n"
        (self.folder / "rabbitmq.conf").write_text(config)
        (self.folder / "enabled_plugins").write_text("[].\n")
        if self._mapper is None:
            mapper = [require_program("epmd", "erlang-base"), "-port", str(self._mapper_port), "-address", "127.0.0.1"]
            self._mapper = Process(mapper, {}, self.folder / "mapper.log")
            self._mapper.ready(lambda: answers(self._mapper_port), "the Erlang port mapper")
        server = require_program("rabbitmq-server", "rabbitmq-server", RABBITMQ)
        return Process([server], self.environment, self.folder / "log")

    def stop(self) -> None:
        super().stop()
        if self._mapper:
            self._mapper.stop()
            self._mapper = None
