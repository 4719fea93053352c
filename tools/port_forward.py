"""Services of a cluster at ports of this machine's loopback address.

By `kubectl port-forward`, which reaches what listens on a pod's loopback address; on the embedded node by its own network, where a
pod is reached at its address, as Loki and Jaeger want it.
"""

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TextIO, cast

from tools.supervised_process import ClusterError

START_SECONDS = 15
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a cluster is reached: `environment` has the KUBECONFIG, `context` is the one that the stack names. `inside` begins a
    command that runs in the embedded node's network, if there is one.
    """

    environment: Mapping[str, str]
    context: str
    node_command: Sequence[str] = ()

    def kubectl(self, *arguments: str) -> list[str]:
        return ["kubectl", f"--context={self.context}", *arguments]

    def ask(self, *arguments: str) -> str:
        """What kubectl answers.

        Raises:
            ClusterError: it fails; holds its words.
        """
        command = self.kubectl(*arguments)
        answer = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ClusterError(f"`{' '.join(command)}` failed: {answer.stderr.strip()}")
        return answer.stdout


@dataclass(frozen=True, kw_only=True)
class PortForward:
    """A Service that people or tools open; `local` is the port here, 0 for any that is free."""

    namespace: str
    service: str
    port: int
    local_port: int = 0


@contextmanager
def open_port_forward(forward: PortForward, access: Access) -> Iterator[int]:
    """The port at which it answers, while the block lasts.

    Raises:
        ClusterError: there is no pod behind it, or the port is taken.
    """
    local = forward.local_port or _free_port()
    command = (
        _socat_command(forward, local, access) if access.node_command else _kubectl_command(forward, local, access)
    )
    process = subprocess.Popen(
        command,
        env=dict(access.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _wait_until_listening(process, forward)
        # Each connection is told of. Unread, that fills the pipe, and the process stands still, even when it is to end.
        Thread(target=cast("TextIO", process.stdout).read, daemon=True).start()
        yield local
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with those that serve a connection
        process.wait()


def _kubectl_command(forward: PortForward, local: int, access: Access) -> list[str]:
    return access.kubectl(
        f"--namespace={forward.namespace}",
        "port-forward",
        f"--address={LOOPBACK}",
        "--pod-running-timeout=2s",
        f"service/{forward.service}",
        f"{local}:{forward.port}",
    )


def _socat_command(forward: PortForward, local: int, access: Access) -> list[str]:
    slices = access.ask(
        f"--namespace={forward.namespace}",
        "get",
        "endpointslices",
        f"--selector=kubernetes.io/service-name={forward.service}",
        "--output=json",
    )
    ready = [
        endpoint["addresses"][0]
        for each in json.loads(slices)["items"]
        for endpoint in each.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
    ]
    if not ready:
        raise ClusterError("no pod of it is ready")
    there = " ".join([*access.node_command, "socat", "-", f"TCP:{ready[0]}:{forward.port}"])
    return ["socat", "-d", "-d", f"TCP-LISTEN:{local},bind={LOOPBACK},fork,reuseaddr", f'EXEC:"{there}"']


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _wait_until_listening(process: subprocess.Popen[str], forward: PortForward) -> None:
    """Until it listens."""
    output = cast("TextIO", process.stdout)
    end, said = time.monotonic() + START_SECONDS, ""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while time.monotonic() < end and selector.select(max(0.0, end - time.monotonic())):
            line = output.readline()
            if re.search(r"Forwarding from|listening on", line):
                return
            if not line:
                break
            said += line
    raise ClusterError(f"port {forward.local_port or 'of any number'}: {said.strip() or 'no answer'}")
