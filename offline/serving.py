"""Serves one plugin to the engine that started it: prints its port on the first line of stdout, and ends on a signal."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from offline.protocol import CHANNEL_OPTIONS

MAX_CALLS = 256
"""Threads for calls. A call that waits for readiness keeps its thread, so there must be more than the engine runs in parallel."""


def serve(register: Callable[[grpc.Server], None], close: Callable[[], None]) -> None:
    """Serve what ``register`` adds until the engine ends this process. ``close`` must make running calls end soon."""
    parent = os.getppid()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    server = grpc.server(ThreadPoolExecutor(MAX_CALLS), options=[*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)])
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # A killed engine sends no signal, but its plugins must end as well: their parent process changes.
    while not over.wait(timeout=1) and os.getppid() == parent:
        pass
    close()
    server.stop(grace=1).wait()
    sys.stdout.flush()
    # Do not wait for threads of calls that did not end in time.
    os._exit(0)
