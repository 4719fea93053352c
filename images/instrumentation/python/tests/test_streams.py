"""The replaced streams are what a host expects of its stdout and stderr."""

import json
import subprocess
from pathlib import Path

from conftest import HOSTS


def test_all_that_hosts_do_with_their_streams_goes_well(interpreter: Path) -> None:
    done = subprocess.run(
        [interpreter, HOSTS / "streams.py"],
        env={"OTEL_SERVICE_NAME": "host", "METRICS_PORT": "0"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stderr == b""
    rows = done.stdout.splitlines()
    assert [row for row in rows if not row.startswith(b"{")] == [b"of a child", b"bytes \xff"]
    lines = [json.loads(row) for row in rows if row.startswith(b"{")]
    said = [line["message"] for line in lines]
    assert said[1:8] == ["attributes", "redirected", "restored", "codecs", "wrapped ü", "logged by wrapper", "detached"]
    assert said[8] == "line two"
    assert lines[6]["n"] == 1
    assert said[9].startswith("progress: 100%")
    assert said[10] == "ValueError: second"
    assert "KeyError: 'first'" in lines[10]["exception"]
    assert said[-4:] == ["ValueError: second", "of a thread without an end", "closed", "the last, without an end"]
