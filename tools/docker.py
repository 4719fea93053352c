"""A Docker engine of this clone's own, to build images on a machine without one: Debian's dockerd below ``.local/docker``.

It has its own socket, data and pid file, no bridge, no firewall rules and no TCP port; builds use the machine's network. An
engine that the machine has already is neither used nor changed; DOCKER_HOST selects it.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the repository, instead of this folder

import argparse
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tools import processes
from tools.paths import ROOT
from tools.waiting import wait_until

DIRECTORY = ROOT / ".local" / "docker"
DEBIAN_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
"""Debian's engine needs Debian's own runc and containerd, whatever else is on PATH."""
START_SECONDS = 60
MAX_SOCKET_PATH = 107
"""The most characters that the kernel takes as a socket's path (unix(7))."""
PROGRAMS = ("dockerd", "docker", "containerd", "runc")


class EngineError(Exception):
    """What is wrong and how to fix it, for whoever typed the command."""


class Engine:
    """The engine in one directory."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        # Resolved, since a socket's path may have 107 characters, and the path of a link to the directory may be longer.
        self.directory = directory.resolve()
        self.socket = self.directory / "docker.sock"
        self.pid_file = self.directory / "engine.pid"
        self.log = self.directory / "engine.log"

    @property
    def host(self) -> str:
        """The value of DOCKER_HOST for this engine."""
        return f"unix://{self.socket}"

    def up(self) -> None:
        """Start it, unless it runs.

        Raises:
            EngineError: the engine cannot run here, or does not answer.
        """
        self._check_requirements()
        if processes.read(self.pid_file) is not None and self._responds():
            return
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # An empty file, so that the machine's /etc/docker/daemon.json is not read.
        (self.directory / "daemon.json").write_text("{}\n")
        command = [
            _program("dockerd"),
            f"--host={self.host}",
            f"--config-file={self.directory / 'daemon.json'}",
            f"--data-root={self.directory / 'data'}",
            f"--exec-root={self.directory / 'run'}",
            f"--pidfile={self.directory / 'dockerd.pid'}",
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
        ]
        # Left by an engine that was killed together with its containerd.
        for stale in ("dockerd.pid", "run/containerd/containerd.pid"):
            (self.directory / stale).unlink(missing_ok=True)
        digest = hashlib.sha256("\0".join(command).encode()).hexdigest()
        child = processes.start(
            ["/usr/bin/env", f"PATH={DEBIAN_PATH}", *command], pid_file=self.pid_file, log_file=self.log, digest=digest
        )
        wait_until(lambda: child.poll() is not None or self._responds(), START_SECONDS, every=0.2)
        if not self._responds():
            self.down()
            raise EngineError(f"dockerd does not start; the end of {self.log}:\n{processes.last_lines(self.log)}")

    def down(self) -> bool:
        """Stop the engine. True when it ran. Images and caches stay.

        Raises:
            EngineError: its data folder stays mounted.
        """
        ran = processes.stop(self.pid_file, grace=30)
        # dockerd bind-mounts its data folder. Neither a killed engine nor the next one unmounts it.
        data = str(self.directory / "data")
        while subprocess.run(["mountpoint", "--quiet", data], check=False).returncode == 0:
            answer = subprocess.run(["umount", "--recursive", data], capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise EngineError(f"{data} stays mounted: {answer.stderr.strip()}")
        return ran

    @contextmanager
    def running(self) -> Iterator["Engine"]:
        """The engine runs for the block, and afterwards only if it ran before.

        Raises:
            EngineError: the engine cannot run here, or does not answer.
        """
        ran = processes.read(self.pid_file) is not None
        self.up()
        try:
            yield self
        finally:
            if not ran:
                self.down()

    def wipe(self) -> None:
        """Stop the engine and remove its images and caches."""
        self.down()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def run(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run ``docker`` on this engine and return its standard output.

        Raises:
            EngineError: the command failed; holds the last lines of its error output.
        """
        answer = subprocess.run(
            [_program("docker"), *arguments],
            env={"PATH": DEBIAN_PATH, "HOME": str(self.directory), "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"},
            input=stdin,
            capture_output=True,
            check=False,
        )
        if answer.returncode != 0:
            output = answer.stderr.decode(errors="replace").strip().splitlines()[-12:]
            raise EngineError(f"docker {arguments[0]} failed:\n" + "\n".join(output))
        return answer.stdout.decode()

    def has_image(self, reference: str) -> bool:
        """Whether the engine has that image."""
        return bool(self.run("image", "ls", "--quiet", reference).strip())

    def _responds(self) -> bool:
        try:
            self.run("version", "--format", "{{.Server.Version}}")
        except EngineError:
            return False
        return True

    def _check_requirements(self) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name, path=DEBIAN_PATH) is None]
        if missing:
            raise EngineError(
                f"{' and '.join(missing)} not found; fix: apt-get install docker.io, "
                "or use a running engine (DOCKER_HOST=unix:///var/run/docker.sock)"
            )
        if os.geteuid() != 0:
            raise EngineError(
                "an engine of this clone's own needs root; fix: run this as root, or use a running engine "
                "(DOCKER_HOST=unix:///var/run/docker.sock)"
            )
        longest = self.directory / "run" / "containerd" / "containerd-debug.sock"
        if len(str(longest)) > MAX_SOCKET_PATH:
            raise EngineError(
                f"{longest} is too long for a socket ({MAX_SOCKET_PATH} characters at most); "
                "fix: put the clone into a directory with a shorter path"
            )


def _program(name: str) -> str:
    found = shutil.which(name, path=DEBIAN_PATH)
    if found is None:
        raise EngineError(f"{name} not found; fix: apt-get install docker.io")
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="docker.py", description="A Docker engine of this clone's own.")
    parser.add_argument("command", choices=("up", "down", "status", "wipe", "env"))
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="the engine's directory")
    options = parser.parse_args(arguments)
    engine = Engine(options.directory.absolute())
    try:
        match options.command:
            case "up":
                engine.up()
                print(f"the engine answers at {engine.host}")
            case "down":
                print("stopped" if engine.down() else "there was no engine")
            case "wipe":
                engine.wipe()
            case "env":
                print(f"export DOCKER_HOST={engine.host}")
            case _:
                process = processes.read(engine.pid_file)
                print(f"runs as process {process.pid}" if process else "does not run")
                return 0 if process else 1
    except EngineError as error:
        print(f"docker: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
