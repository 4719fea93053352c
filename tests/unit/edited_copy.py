"""A copy of the repository with something added to it, and what its program then declares.

The copy's own program and tests' helpers run in a process of their own, since this one has loaded those of the repository.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.synthesis import ROOT, Program, Resource

_PRELUDE = """
import dataclasses, json, sys
asked = json.load(sys.stdin)
"""
_DECLARE = """
from settings.loader import ConfigurationError
from tests.support.synthesis import synthesise
def declared(of):
    try:
        return dataclasses.asdict(synthesise(*of))
    except ConfigurationError as error:
        return str(error)
answer = {name: declared(of) for name, of in asked.items()}
"""


class EditedCopy:
    """The files that are, or are about to be, in the repository, in a folder of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in sorted({each for each in names if each and (ROOT / each).is_file()}):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)

    def insert(self, file: str, after: str, text: str) -> None:
        """Put ``text`` after a line that is in the file once."""
        content = (self.root / file).read_text()
        assert content.count(f"\n{after}\n") == 1, f"{file} has another beginning than {after!r}"
        (self.root / file).write_text(content.replace(f"\n{after}\n", f"\n{after}\n{text}"))

    def declare(self, asked: Mapping[str, Sequence[Any]]) -> dict[str, Program]:
        """What the copy's program declares, by name, for each stack with its changes and secrets."""
        answers: dict[str, Any] = self.evaluate(_DECLARE, asked)
        refused = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        assert refused == {}, refused
        return {name: _program(answer) for name, answer in answers.items()}

    def refusal(self, stack: str, changes: Mapping[str, str], secrets: Mapping[str, str] | None = None) -> str:
        """The problems that the copy's program names in a configuration that it does not take."""
        answer = self.evaluate(_DECLARE, {stack: [stack, changes, secrets]})[stack]
        assert isinstance(answer, str), "the configuration is taken"
        return answer

    def evaluate(self, statements: str, asked: object = None) -> Any:
        """Run statements in the copy that make ``answer`` from ``asked``, and return it; both have to be JSON."""
        code = f"{_PRELUDE}{statements}\nprint(json.dumps(answer))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.root,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def _program(answer: Mapping[str, Any]) -> Program:
    resources = [Resource(**each) for each in answer["resources"]]
    return Program(resources=resources, exports=answer["exports"], messages=answer["messages"])
