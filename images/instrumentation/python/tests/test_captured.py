"""What a program reads of its children is its data: nothing of ours is in it."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Start, free_port

CHILD = "import logging, sys; print(42, flush=True); logging.warning('slow'); sys.exit(7)"


@pytest.mark.parametrize(
    ("streams", "answer"),
    [
        ("capture_output=True", [7, "42\n", "WARNING:root:slow\n"]),
        ("stdout=subprocess.PIPE, stderr=subprocess.STDOUT", [7, "42\nWARNING:root:slow\n", None]),
        ("stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=False", [7, "42\n", None]),
        ("stdout=subprocess.DEVNULL, stderr=subprocess.PIPE", [7, None, "WARNING:root:slow\n"]),
    ],
)
def test_a_host_that_asks_another_python_gets_its_answer(start: Start, streams: str, answer: list[object]) -> None:
    host = start(
        "import subprocess, sys\n"
        f"asked = subprocess.run([sys.executable, '-c', {CHILD!r}], text=True, {streams})\n"
        "print([asked.returncode, asked.stdout, asked.stderr])\n"
    )
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == [str(answer)]


def test_children_that_share_the_streams_write_records(start: Start) -> None:
    host = start(
        "import multiprocessing, subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {CHILD!r}], stderr=subprocess.STDOUT)\n"
        f"subprocess.run([sys.executable, '-c', {CHILD!r}], stderr=subprocess.DEVNULL)\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=print, args=('spawned',))\n"
        "    child.start()\n    child.join()\n"
    )
    assert host.wait() == 0
    assert {line["message"] for line in host.lines} == {"42", "slow", "spawned"}


def test_a_shell_script_that_asks_python_gets_its_answer_and_a_pipeline_gets_records(
    interpreter: Path, tmp_path: Path
) -> None:
    script = tmp_path / "entrypoint.sh"
    script.write_text(
        'one=$("$1" -c "print(42)")\ntwo=$(true; "$1" -c "print(43)"; true)\necho "$one $two"\n"$1" -c "print(44)" | cat\n'
    )
    done = subprocess.run(
        ["bash", script, interpreter],
        env={"PATH": os.environ["PATH"], "OTEL_SERVICE_NAME": "host", "METRICS_PORT": str(free_port())},
        capture_output=True,
        check=True,
        text=True,
    )
    first, *rest = done.stdout.splitlines()
    assert first == "42 43"
    assert ['"message": "44"' in line for line in rest] == [True]


def test_what_a_host_says_while_it_has_replaced_stderr_is_there(start: Start) -> None:
    host = start(
        "import contextlib, io, logging, warnings\nkept = io.StringIO()\n"
        "with contextlib.redirect_stderr(kept):\n"
        "    warnings.warn('aside')\n    logging.getLogger('x').warning('hidden %s', 1)\n    logging.getLogger('x').info('no')\n"
        "warnings.warn('open')\nprint('aside' in kept.getvalue(), kept.getvalue().endswith('hidden 1\\n'))\n"
    )
    assert host.wait() == 0
    assert [line["message"] for line in host.lines] == ["UserWarning: open", "True True"]


def test_children_of_a_supervisor_write_records(interpreter: Path, tmp_path: Path) -> None:
    """It reads them to pass them on."""
    supervisor = tmp_path / "supervisord"
    supervisor.write_text(
        "import os, subprocess, sys\n"
        f"os.write(1, subprocess.run([sys.executable, '-c', {CHILD!r}], capture_output=True).stdout)\n"
    )
    done = subprocess.run(
        [interpreter, supervisor],
        env={"PATH": os.environ["PATH"], "OTEL_SERVICE_NAME": "host", "METRICS_PORT": str(free_port())},
        capture_output=True,
        check=True,
        text=True,
    )
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["42", "slow"]
