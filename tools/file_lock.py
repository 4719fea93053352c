"""A lock between commands: the file that only one process at a time has locked."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.progress import log


@contextmanager
def locked(file: Path, message: str) -> Iterator[None]:
    """Hold the lock for the block. Logs ``message`` once when another process holds it, and waits."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log(message)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
