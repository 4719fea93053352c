"""Services of a cluster at ports of this machine's loopback address, by `kubectl port-forward`."""

import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO, cast

from units import ClusterError

START_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a cluster is reached: `environment` has the KUBECONFIG, `context` is the one that the stack names."""

    environment: Mapping[str, str]
    context: str

    def kubectl(self, *arguments: str) -> list[str]:
        return ["kubectl", f"--context={self.context}", *arguments]


@dataclass(frozen=True, kw_only=True)
class Door:
    """A Service that people or tools open; `local` is the port here, 0 for any that is free."""

    namespace: str
    service: str
    port: int
    local: int = 0


@contextmanager
def forwarded(door: Door, access: Access) -> Iterator[int]:
    """The port at which it answers, while the block lasts.

    Raises:
        ClusterError: there is no pod behind it, or the port is taken.
    """
    process = subprocess.Popen(
        access.kubectl(
            f"--namespace={door.namespace}",
            "port-forward",
            "--address=127.0.0.1",
            f"service/{door.service}",
            f"{door.local or ''}:{door.port}",
        ),
        env=dict(access.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield _port(process, door)
    finally:
        process.terminate()
        process.wait()


def _port(process: subprocess.Popen[str], door: Door) -> int:
    output = cast("TextIO", process.stdout)
    end, said = time.monotonic() + START_SECONDS, ""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while time.monotonic() < end and selector.select(max(0.0, end - time.monotonic())):
            line = output.readline()
            if match := re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line):
                return int(match[1])
            if not line:
                break
            said += line
    raise ClusterError(f"{door.service} in {door.namespace} cannot be reached: {said.strip() or 'no answer'}")
