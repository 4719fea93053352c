"""What several workers of one test run need: the first that asks makes it, and the others read it."""

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once_a_run(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What ``make`` returns. It gets a folder that is there until the run ends, and is called in one worker alone.

    A worker that asks meanwhile waits. What is made has to be data: the others get a copy.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    made = folder / "made"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            files = folder / "files"
            files.mkdir(exist_ok=True)
            answer = pickle.dumps(make(files))
            made.write_bytes(answer)
        return pickle.loads(made.read_bytes())  # noqa: S301 - our own
