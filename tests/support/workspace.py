"""The plain ``pulumi`` command on a stack of a test's own, in a temporary folder."""

import json
import os
import secrets
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.process import interruptible
from tests.support.repository import tool_path
from tools.stack import PATCH_FORCE

STATE_AT_THE_END = {"PULUMI_SKIP_CHECKPOINTS": "true"}
"""For updates whose state in between no test looks at: writing it after each step is two thirds of what the engine does."""


@dataclass(frozen=True)
class Outcome:
    """How a pulumi command ended, with the engine's events when it was asked to log them."""

    rc: int
    stdout: str
    stderr: str
    events: tuple[dict[str, Any], ...] = ()

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def changes(self) -> Counter[str]:
        """Operation to number of resources, as the engine's summary counts them; ``same`` is left out."""
        counts: Counter[str] = Counter()
        for event in self.events:
            counts.update(event.get("summaryEvent", {}).get("resourceChanges", {}))
        return Counter({operation: n for operation, n in counts.items() if operation != "same" and n})

    @property
    def steps(self) -> list[tuple[str, str]]:
        """(operation, URN) in the order in which the engine began them; ``same`` is left out."""
        begun = [e["resourcePreEvent"]["metadata"] for e in self.events if "resourcePreEvent" in e]
        return [(step["op"], step["urn"]) for step in begun if step["op"] != "same"]


class Workspace:
    """A project folder and a stack in a file backend of its own, driven by the plain CLI. The caller's own Pulumi is not used."""

    def __init__(self, folder: Path, private: Path, *, stack: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.stack = stack
        self.private = private
        private.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(exist_ok=True)
        passphrase = private / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(secrets.token_urlsafe(32))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "KUBE"))}
        self.environment = {
            **clean,
            "PATH": tool_path(),
            "PULUMI_BACKEND_URL": f"file://{self.state}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # brings the flag --event-log
            **PATCH_FORCE,
            **environment,
        }

    @property
    def state(self) -> Path:
        return self.private / "state"

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None, check: bool = True, timeout: float = 600
    ) -> Outcome:
        """Run ``pulumi`` with these arguments on this stack. With ``check``, a failure fails the test and shows the output."""
        process = subprocess.run(
            self.command(arguments),
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        outcome = Outcome(process.returncode, process.stdout, process.stderr)
        if check:
            assert outcome.rc == 0, f"pulumi {' '.join(arguments)}: {outcome.rc}\n{outcome.output}"
        return outcome

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start ``pulumi`` in a session of its own, for tests that interrupt or kill it."""
        return subprocess.Popen(
            interruptible(self.command(arguments)),
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def command(self, arguments: Sequence[str]) -> list[str]:
        return ["pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color=never"]

    def init(self) -> "Workspace":
        """Make the stack; the configuration file that lies in the folder stays as it is but for its encryption salt."""
        provider = ["--secrets-provider", "passphrase", "--no-select"]
        process = subprocess.run(
            ["pulumi", "stack", "init", self.stack, *provider, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return self

    def up(self, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None) -> Outcome:
        return self._logged("up", "--yes", "--skip-preview", *arguments, check=check, environment=environment)

    def refresh(self, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None) -> Outcome:
        return self._logged("refresh", "--yes", "--skip-preview", *arguments, check=check, environment=environment)

    def destroy(self, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None) -> Outcome:
        return self._logged("destroy", "--yes", "--skip-preview", *arguments, check=check, environment=environment)

    def preview_json(self, *arguments: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What ``pulumi preview --json --diff`` says."""
        outcome = self.run("preview", "--json", "--diff", *arguments, environment=environment)
        return json.loads(outcome.stdout)

    def announced(self, *arguments: str) -> dict[str, str]:
        """What a preview would change: operation by resource name."""
        steps = self.preview_json(*arguments).get("steps", [])
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] not in ("same", "refresh")}

    def export(self) -> dict[str, Any]:
        """The stack's state, secrets encrypted."""
        return json.loads(self.run("stack", "export").stdout)

    def resources(self) -> list[dict[str, Any]]:
        return self.export()["deployment"].get("resources", [])

    def noted(self) -> int:
        """How many resources the state has, read from its file: while an update writes it, the CLI may find it half-written."""
        files = (self.state / ".pulumi/stacks").rglob(f"{self.stack}.json")
        return sum(path.read_text().count('"urn":') for path in files)

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.run("stack", "output", "--json").stdout)

    def _logged(self, *arguments: str, check: bool, environment: Mapping[str, str] | None) -> Outcome:
        log = self.private / "events.json"
        log.unlink(missing_ok=True)
        outcome = self.run(*arguments, "--event-log", str(log), check=check, environment=environment)
        lines: Iterable[str] = log.read_text().splitlines() if log.exists() else ()
        events = tuple(json.loads(line) for line in lines if line.strip())
        return Outcome(outcome.rc, outcome.stdout, outcome.stderr, events)
