"""Containers with no rights but their user's."""

import json
import time
from typing import Any

import pytest

from tools.docker import Engine

HARDENED = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def healthy(engine: Engine, image: str, variables: tuple[str, ...], seconds: float = 90) -> bool:
    """Whether a container with no rights at all becomes healthy; fails with its log when it ends or does not."""
    options = [*HARDENED, "--tmpfs=/tmp", "--health-interval=2s", *(f"--env={each}" for each in variables)]
    container = engine.run("run", "--detach", *options, image).strip()
    state: dict[str, Any] = {}
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = json.loads(engine.run("inspect", container))[0]["State"]
            if state["Health"]["Status"] == "healthy":
                return True
            assert state["Running"], engine.run("logs", container)
            time.sleep(0.5)
        pytest.fail(f"not healthy after {seconds} s: {state}\n{engine.run('logs', container)}")
    finally:
        engine.run("rm", "--force", container)
