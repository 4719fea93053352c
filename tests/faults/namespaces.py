"""Pods' networks: one network namespace a peer, on a bridge in a namespace of its own, so that peers can be parted."""

import ctypes
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_NEW_NETWORK = 0x40000000
NETWORK = "10.97.0"


class Network:
    """``hub`` and each of ``peers`` are names of namespaces; each reaches all others until they are parted."""

    def __init__(self, peers: int) -> None:
        mark = f"atlas-{uuid.uuid4().hex[:8]}"
        self.hub, self.peers = f"{mark}-hub", [f"{mark}-{number}" for number in range(peers)]
        self.hub_address = f"{NETWORK}.254"

    def address(self, peer: int) -> str:
        return f"{NETWORK}.{peer + 1}"

    def part(self, ones: list[int], others: list[int]) -> None:
        """Nothing passes between ``ones`` and ``others``; all still reach the hub."""
        self._routes("add", ones, others)

    def join(self, ones: list[int], others: list[int]) -> None:
        self._routes("del", ones, others)

    def _routes(self, action: str, ones: list[int], others: list[int]) -> None:
        for one in ones:
            for other in others:
                for here, there in ((one, other), (other, one)):
                    _ip("-n", self.peers[here], "route", action, "blackhole", f"{self.address(there)}/32")


@contextmanager
def network_of(peers: int) -> Iterator[Network]:
    network = Network(peers)
    with ExitStack() as stack:
        for name in (network.hub, *network.peers):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", network.hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", network.hub, "addr", "add", f"{network.hub_address}/24", "dev", "bridge")
        _ip("-n", network.hub, "link", "set", "bridge", "up")
        for number, name in enumerate(network.peers):
            _ip("-n", network.hub, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", network.hub, "link", "set", f"to{number}", "master", "bridge", "up")
            _ip("-n", name, "addr", "add", f"{network.address(number)}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        yield network


def missing_requirements() -> str | None:
    """Why there are no namespaces here, in one line; ``None`` when there are."""
    name = f"atlas-{uuid.uuid4().hex[:8]}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        return f"no network namespace can be made here: {error}"
    return None


def inside(name: str, function: Callable[[], T]) -> T:
    """What ``function`` returns when it is called in that namespace. Sockets and processes that it makes stay there."""
    results, errors = list[T](), list[BaseException]()

    def run() -> None:
        try:
            handle = os.open(Path("/run/netns", name), os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(handle, _NEW_NETWORK):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(handle)
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)
