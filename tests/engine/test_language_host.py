"""How the language host's stand-in runs a program: its end is Python's own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

EXECUTORS = {
    "it ends": ("print('said', end='')", 0),
    "it exits with a code": ("import sys; print('said', end=''); sys.exit(32)", 32),
    "it exits without one": ("import sys; print('said', end=''); sys.exit()", 0),
    "it exits with words": ("import sys; print('said', end=''); sys.exit('words')", 1),
    "it raises": ("print('said', end=''); raise RuntimeError('words')", 1),
    "it registers an end": ("import atexit; atexit.register(print, 'said', end='')", 0),
    "it leaves a thread": (
        "import threading, time\n"
        "def late():\n    time.sleep(0.3); print('said', end='')\n"
        "threading.Thread(target=late).start()",
        0,
    ),
    "it is the main module": ("import __main__, sys; print('said' if __name__ == '__main__' else '', end='')", 0),
    "it has its own path": (
        "import sys, os; print('said' if sys.path[0] == os.path.dirname(__file__) else sys.path, end='')",
        0,
    ),
    "it gets its arguments": (
        "import sys; print('said' if sys.argv == [__file__, '--a', 'b'] else sys.argv, end='')",
        0,
    ),
}


@pytest.mark.parametrize("case", EXECUTORS)
def test_a_program_runs_and_ends_as_under_the_interpreter_itself(case: str, tmp_path: Path) -> None:
    text, code = EXECUTORS[case]
    executor = tmp_path / "executor"
    executor.write_text(text)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *command, "--a", "b"], capture_output=True, text=True, check=False)

    plain, ours = run(str(executor)), run(str(ROOT / "offline/program.py"), str(executor))
    assert (ours.returncode, ours.stdout) == (code, "said")
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert ("words" in ours.stderr) == ("words" in plain.stderr)
