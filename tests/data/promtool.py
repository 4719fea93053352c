"""Runs the real promtool. What Prometheus thinks of a rule or an expression is asked of Prometheus's own tool."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree


class Suite(NamedTuple):
    """How many tests one test file has, and how many checks of them failed."""

    tests: int
    failures: int


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Its answer to a command. A promtool that is missing is a failure: nothing else checks what it checks."""
    found = shutil.which("promtool")
    assert found, "promtool is not on PATH; run the tests with `make test`, which builds it and puts it there"
    # It lives for moments: to collect its garbage less often costs little memory, and saves a tenth of its time.
    environment = os.environ | {"GOGC": "400"}
    command = [found, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def suites(files: Iterable[Path]) -> dict[str, Suite]:
    """What each of these test files comes to, by its name; all are run by one promtool. A file that cannot be run is an error."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        answer = promtool("test", "rules", f"--junit={report.name}", *files)
        found = ElementTree.parse(report.name).getroot()  # noqa: S314 - promtool's own
    aborted = [each.attrib["name"] for each in found if each.attrib["errors"] != "0"]
    assert not aborted, said(answer)
    return {
        Path(each.attrib["name"]).name: Suite(int(each.attrib["tests"]), int(each.attrib["failures"])) for each in found
    }


def said(answer: subprocess.CompletedProcess[str]) -> str:
    """Both of its outputs, for a failing test's message."""
    return f"\n{answer.stdout}\n{answer.stderr}"


def refused(expressions: Iterable[str], folder: Path) -> list[str]:
    """Which expressions Prometheus's own parser does not take, each with its reason. ``folder`` is for the rule files."""
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
