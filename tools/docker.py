"""A Docker engine of this clone's own, for building images on a machine without one: Debian's dockerd below `.local/docker`.

It has its own socket, data and pid file, no bridge, no firewall rules and no TCP; builds use the machine's network. The machine's
own engine, if there is one, is neither used nor changed: that one is used by setting DOCKER_HOST.
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
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools import processes
from tools.paths import ROOT

DIRECTORY = ROOT / ".local" / "docker"
DEBIAN_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
"""Debian's engine works with Debian's own runc and containerd, whatever else is on PATH."""
START_SECONDS = 60
MAX_SOCKET_PATH = 107
"""Characters of a socket's path that the kernel takes (unix(7))."""
PROGRAMS = ("dockerd", "docker", "containerd", "runc")


class EngineError(Exception):
    """What is wrong and the mend, for whoever typed the command."""


class Engine:
    """The engine in one directory."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        # Where a link leads: a socket's path may be 107 characters long, and the link's own may be longer.
        self.directory = directory.resolve()
        self.socket = self.directory / "docker.sock"
        self.pid_file = self.directory / "engine.pid"
        self.log = self.directory / "engine.log"

    @property
    def host(self) -> str:
        """What DOCKER_HOST names."""
        return f"unix://{self.socket}"

    def up(self) -> None:
        """Start it, unless it runs.

        Raises:
            EngineError: it cannot run here, or does not answer.
        """
        self._check_requirements()
        if processes.read(self.pid_file) is not None and self._responds():
            return
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # An empty one, so that the machine's own /etc/docker/daemon.json is not read.
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
        # Of an engine that was killed, and its containerd with it.
        for left in ("dockerd.pid", "run/containerd/containerd.pid"):
            (self.directory / left).unlink(missing_ok=True)
        digest = hashlib.sha256("\0".join(command).encode()).hexdigest()
        child = processes.start(
            ["/usr/bin/env", f"PATH={DEBIAN_PATH}", *command], pid_file=self.pid_file, log_file=self.log, digest=digest
        )
        end = time.monotonic() + START_SECONDS
        while not self._responds():
            if child.poll() is not None or time.monotonic() > end:
                self.down()
                raise EngineError(f"dockerd does not start; the end of {self.log}:\n{processes.last_lines(self.log)}")
            time.sleep(0.2)

    def down(self) -> bool:
        """Stop it. True when it ran; images and caches stay.

        Raises:
            EngineError: a mount of its data stays.
        """
        ran = processes.stop(self.pid_file, grace=30)
        # It mounts its data over themselves, and only the engine that did so ends that: not one that was killed, nor the next one.
        data = str(self.directory / "data")
        while subprocess.run(["mountpoint", "--quiet", data], check=False).returncode == 0:
            answer = subprocess.run(["umount", "--recursive", data], capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise EngineError(f"{data} stays mounted: {answer.stderr.strip()}")
        return ran

    @contextmanager
    def running(self) -> Iterator["Engine"]:
        """Up for the block; left running only if it ran before.

        Raises:
            EngineError: it cannot run here, or does not answer.
        """
        ran = processes.read(self.pid_file) is not None
        self.up()
        try:
            yield self
        finally:
            if not ran:
                self.down()

    def wipe(self) -> None:
        """Stop it and forget images and caches."""
        self.down()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def run(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run `docker` on this engine and return its standard output.

        Raises:
            EngineError: it failed; holds its last words.
        """
        answer = subprocess.run(
            [_program("docker"), *arguments],
            env={"PATH": DEBIAN_PATH, "HOME": str(self.directory), "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"},
            input=stdin,
            capture_output=True,
            check=False,
        )
        if answer.returncode != 0:
            said = answer.stderr.decode(errors="replace").strip().splitlines()[-12:]
            raise EngineError(f"docker {arguments[0]} failed:\n" + "\n".join(said))
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
                f"{' and '.join(missing)} not found: install Debian's package (`apt-get install docker.io`), "
                "or use an engine that runs (DOCKER_HOST=unix:///var/run/docker.sock)"
            )
        if os.geteuid() != 0:
            raise EngineError(
                "an engine of this clone's own needs root: run this as root, or use an engine that runs "
                "(DOCKER_HOST=unix:///var/run/docker.sock)"
            )
        longest = self.directory / "run" / "containerd" / "containerd-debug.sock"
        if len(str(longest)) > MAX_SOCKET_PATH:
            raise EngineError(
                f"{longest} is too long for a socket ({MAX_SOCKET_PATH} characters at most): "
                "put the clone into a directory nearer to the root"
            )


def _program(name: str) -> str:
    found = shutil.which(name, path=DEBIAN_PATH)
    if found is None:
        raise EngineError(f"{name} not found: install Debian's package (`apt-get install docker.io`)")
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
