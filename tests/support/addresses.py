"""Addresses on the loopback interface that nobody else uses."""

import contextlib
import os
import secrets
import socket

SHARE = 2_500
"""Ports that one of up to six workers draws from, so that no other is given the same one."""
_FIRST = 15_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 6 * SHARE
_taken: set[int] = set()


def loopback() -> str:
    """An address that nobody else uses: the tools keep the ports that ship."""
    return ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses, and no one else gets: whoever asks binds it later, and may free it and take it again.

    It is below those that the system gives away itself.
    """
    while True:
        port = _FIRST + secrets.randbelow(SHARE)
        if port in _taken:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _taken.add(port)
            return port


def answers(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
