"""Ports of the loopback address."""

import random
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def draw_port(taken: Collection[int] = ()) -> int:
    """A free port at random, below the kernel's range for outgoing connections and the range of Kubernetes' node ports."""
    while True:
        port = random.SystemRandom().randrange(20000, 30000)
        if port not in taken and is_free(port):
            return port
