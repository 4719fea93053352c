"""The last lines and spans, at the end of the process: by itself, or when it is told to stop."""

import atexit
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType


def at_end(work: Sequence[Callable[[], None]]) -> None:
    """Do ``work`` once, at exit. SIGTERM counts as one while the host has no handler of its own; its exit code stays 128 + 15."""
    done = threading.Event()

    def finish() -> None:
        if done.is_set():
            return
        done.set()
        for each in work:
            try:
                each()
            except Exception:  # noqa: S112 - it is over anyway
                continue

    def told(number: int, _frame: FrameType | None) -> None:
        finish()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)  # the first process of a container is not killed by itself

    atexit.register(finish)
    os.register_at_fork(after_in_child=done.clear)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, told)
