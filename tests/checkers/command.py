"""Running a checker: the pinned one, in a bare environment, so that no configuration of the user's softens what it says."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.repository import tool_path


def answer(
    command: Sequence[str | Path], cwd: Path, *, found: int = 1, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What the checker says. ``found`` is the exit code with which it reports findings; any other failure fails the test."""
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory() as home:
        bare = {"PATH": tool_path(), "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
        result = subprocess.run(
            words, cwd=cwd, env=bare | dict(environment or {}), capture_output=True, text=True, check=False
        )
    spoke = result.returncode == 0 or (result.returncode == found and result.stdout)
    assert spoke, f"{' '.join(words)[:400]}: {result.returncode}\n{result.stdout[:2000]}{result.stderr[-2000:]}"
    return result
