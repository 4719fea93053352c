"""Runs the real promtool. What Prometheus thinks of a rule or an expression is asked of Prometheus's own tool."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Its answer to a command. A promtool that is missing is a failure: nothing else checks what it checks."""
    found = shutil.which("promtool")
    assert found, "promtool is not on PATH; run the tests with `make test`, which builds it and puts it there"
    return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def said(answer: subprocess.CompletedProcess[str]) -> str:
    """Both of its outputs, for a failing test's message."""
    return f"\n{answer.stdout}\n{answer.stderr}"


def refused(expressions: Iterable[str], folder: Path) -> list[str]:
    """Which expressions Prometheus's own parser does not take, each with its reason. `folder` is for the rule files."""
    numbered = list(expressions)
    if not _refusal(numbered, folder / "all.yaml"):
        return []
    # promtool stops at the first group that does not parse, so each expression is asked about by itself.
    reasons = ((each, _refusal([each], folder / f"{number}.yaml")) for number, each in enumerate(numbered))
    return [f"{each}\n{reason}" for each, reason in reasons if reason]


def _refusal(expressions: list[str], file: Path) -> str:
    rules = [{"record": f"expression_{number}", "expr": each} for number, each in enumerate(expressions)]
    file.write_text(json.dumps({"groups": [{"name": "expressions", "rules": rules}]}))
    answer = promtool("check", "rules", file)
    return said(answer) if answer.returncode else ""
