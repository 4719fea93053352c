"""Serves one plugin to the engine that started it: port on the first line of stdout, calm end on a signal."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from offline.protocol import CHANNEL_OPTIONS

CALLS_AT_ONCE = 256
"""A call that waits for readiness holds its thread, so there must be more than the engine's parallelism."""


def serve(register: Callable[[grpc.Server], None], close: Callable[[], None]) -> None:
    """Serve what ``register`` adds until the engine says goodbye; ``close`` must make calls under way end soon."""
    parent = os.getppid()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    server = grpc.server(ThreadPoolExecutor(CALLS_AT_ONCE), options=[*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)])
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # An engine that was killed cannot say goodbye; its plugins must not outlive it.
    while not over.wait(timeout=1) and os.getppid() == parent:
        pass
    close()
    server.stop(grace=1).wait()
    sys.stdout.flush()
    # Threads of calls that did not end in time must not hold the process.
    os._exit(0)
