"""Our own components of the Collector: their Go tests, Go's own checks of them, and its formatting."""

import subprocess

import pytest

from tools import golang
from tools.builds import COLLECTOR_COMPONENTS
from tools.cache import Cache


@pytest.fixture(scope="module")
def go() -> golang.Go:
    needed = golang.needed_release([COLLECTOR_COMPONENTS / "go.mod"])
    return golang.on_path(needed) or golang.fetch(needed, Cache.of_user())


def run(go: golang.Go, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=COLLECTOR_COMPONENTS,
        env=go.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_their_own_tests_pass(go: golang.Go) -> None:
    assert "ok  \tatlas/images/collector/components/masking" in run(go, go.command, "test", "./...")


def test_they_are_formatted_and_vetted(go: golang.Go) -> None:
    root = run(go, go.command, "env", "GOROOT").strip()
    assert run(go, f"{root}/bin/gofmt", "-l", ".") == ""
    run(go, go.command, "vet", "./...")
