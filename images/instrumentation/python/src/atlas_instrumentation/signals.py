"""Signals are for the host's threads: a thread of ours that took one would end a process that had blocked it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def for_others() -> Iterator[None]:
    """A thread that begins within takes no signal from its first moment on."""
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)
