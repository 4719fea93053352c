"""What a host's own settings hide is in no byte of what comes out, whatever the library and whatever the order."""

import re
import secrets
import subprocess
from pathlib import Path

import pytest
from conftest import HOSTS

WAYS = re.findall(r"^@case\ndef (\w+)", (HOSTS / "secrets.py").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def run(interpreter: Path) -> tuple[str, "subprocess.CompletedProcess[str]"]:
    """One host that hides a secret, which it alone and this test know, in every way."""
    secret = f"acct-{secrets.token_hex(8)}"
    done = subprocess.run(
        [interpreter, HOSTS / "secrets.py"],
        input=secret + "\n",
        env={"OTEL_SERVICE_NAME": "host", "METRICS_PORT": "0", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return secret, done


def test_the_host_ends_well_and_its_secret_is_nowhere(run) -> None:
    secret, done = run
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    shown = [line for line in (done.stdout + done.stderr).splitlines() if secret in line]
    assert shown == []


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_hidden_is_there(run, way: str) -> None:
    _, done = run
    before = done.stdout.split(f'"done {way}"')[0].splitlines()
    assert any(way in line for line in before), done.stdout[-3000:] + done.stderr[-3000:]
