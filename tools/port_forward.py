"""Port forwards: Services of a cluster at ports of this machine's loopback address.

Usually by ``kubectl port-forward``, which connects to a pod's loopback address. On the embedded node by ``socat`` in the node's
network, which connects to the pod's own address, as Loki and Jaeger need it.
"""

import json
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TextIO, cast

from tools.kubectl import kubectl_cache
from tools.ports import LOOPBACK, draw_port
from tools.supervised_process import ClusterError

START_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a cluster is reached: by the KUBECONFIG in ``environment`` and the context that the stack names.

    ``node_command`` is the beginning of a command that runs in the embedded node's network; empty for other clusters. kubectl keeps
    its cache below ``private``.
    """

    environment: Mapping[str, str]
    context: str
    private: Path
    node_command: Sequence[str] = ()

    @property
    def variables(self) -> dict[str, str]:
        return {**self.environment, **kubectl_cache(self.private)}

    def kubectl(self, *arguments: str) -> list[str]:
        return ["kubectl", f"--context={self.context}", *arguments]

    def ask(self, *arguments: str) -> str:
        """Run kubectl and return its output.

        Raises:
            ClusterError: kubectl failed; holds its error output.
        """
        command = self.kubectl(*arguments)
        answer = subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise ClusterError(f"`{' '.join(command)}` failed: {answer.stderr.strip()}")
        return answer.stdout


@dataclass(frozen=True, kw_only=True)
class PortForward:
    """A port of a Service, and the local port that is forwarded to it; 0 stands for any free port."""

    namespace: str
    service: str
    port: int
    local_port: int = 0


@contextmanager
def open_port_forward(forward: PortForward, access: Access) -> Iterator[int]:
    """Forward the port for the block, and yield the local port.

    Raises:
        ClusterError: the Service has no ready pod, or the local port is taken.
    """
    local = forward.local_port or draw_port()
    command = (
        _socat_command(forward, local, access) if access.node_command else _kubectl_command(forward, local, access)
    )
    process = subprocess.Popen(
        command,
        env=access.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _wait_until_listening(process, forward)
        # The process logs each connection. Unread output would fill the pipe and block it, even when it is told to end.
        Thread(target=cast("TextIO", process.stdout).read, daemon=True).start()
        yield local
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the whole group, since each connection has a process
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
        raise ClusterError("it has no ready pod")
    connect = " ".join([*access.node_command, "socat", "-", f"TCP:{ready[0]}:{forward.port}"])
    return ["socat", "-d", "-d", f"TCP-LISTEN:{local},bind={LOOPBACK},fork,reuseaddr", f'EXEC:"{connect}"']


def _wait_until_listening(process: subprocess.Popen[str], forward: PortForward) -> None:
    """Wait until it listens."""
    output = cast("TextIO", process.stdout)
    end, output_so_far = time.monotonic() + START_SECONDS, ""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while time.monotonic() < end and selector.select(max(0.0, end - time.monotonic())):
            line = output.readline()
            if re.search(r"Forwarding from|listening on", line):
                return
            if not line:
                break
            output_so_far += line
    raise ClusterError(f"port {forward.local_port or 'of any number'}: {output_so_far.strip() or 'no answer'}")
