"""What the engine's tests stand on: a cluster of their own and the plain `pulumi` command, both in temporary directories."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.kubectl import kubectl_cache

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_NAMESPACES = {"default", "kube-node-lease", "kube-public", "kube-system"}
STATE_AT_THE_END = {"PULUMI_SKIP_CHECKPOINTS": "true"}
"""For updates whose state in between no test looks at: writing it after each step is two thirds of what the engine does."""
_NOT_THE_PROGRAM = {".git", ".github", ".local", "services", "tests", "tools", "bench"}
_OF_THE_OUTER_MAKE = {"ARGS", "NODE", "STACK"}
"""What was given to the `make` that runs the tests, which hands it on to all that it starts."""
_MADE = {"__pycache__", ".venv", "node_modules"}
"""Folders that tools make anywhere in a clone; no copy takes them along."""


def edit(file: Path, old: str, new: str) -> None:
    """Replace what is in the file just once."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def wait_until(what: Callable[[], object], seconds: float = 30, every: float = 0.02) -> None:
    """Return when `what` is so; fail when it is not in time."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(every)


def interruptible(command: Sequence[str]) -> list[str]:
    """The command, started so that SIGINT ends it as in a terminal's foreground.

    The jobs that a shell runs in the background (`make test &`) ignore SIGINT, and so does whatever they start.
    """
    return ["env", "--default-signal=INT", *command]


def tool_path() -> str:
    """PATH with the repository's own tools first, as `make` sets it."""
    return os.pathsep.join([str(ROOT / ".local/bin"), str(ROOT / ".venv/bin"), os.environ["PATH"]])


class EmbeddedCluster:
    """A control plane in `directory`, with a node if wanted, driven by tools/cluster.py as a person would."""

    def __init__(self, directory: Path, context: str = "atlas-local", *, node: bool = False) -> None:
        self.directory = directory
        self.context = context
        self.node = node

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run tools/cluster.py on this cluster."""
        script = [sys.executable, str(ROOT / "tools/cluster.py"), *arguments, "--directory", str(self.directory)]
        return subprocess.run(script, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def up(self) -> None:
        answer = self.command("up", "--context", self.context, *(["--node"] if self.node else []))
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def wipe(self) -> None:
        answer = self.command("wipe")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    @contextmanager
    def running(self) -> Iterator["EmbeddedCluster"]:
        """Up for the block and wiped after it, also when the test run is told to end."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.up()
            yield self
        finally:
            self.wipe()

    def kubeconfig_as(self, context: str) -> Path:
        """A kubeconfig file of this cluster under another context name, as if it were an existing dev or prod cluster."""
        answer = self.command("kubeconfig", "--context", context)
        assert answer.returncode == 0, answer.stderr
        path = self.directory / f"kubeconfig-{context}"
        path.touch(mode=0o600)
        path.write_text(answer.stdout)
        return path

    def kubectl(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as the cluster's administrator."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), "--context", self.context, *arguments]
        cache = kubectl_cache(self.directory)
        environment = {**os.environ, "PATH": tool_path(), "KUBECTL_KUBERC": "false", **cache}
        answer = subprocess.run(command, capture_output=True, text=True, input=stdin, env=environment, check=False)
        if check:
            assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout}{answer.stderr}"
        return answer

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """The objects of a kind (or several, with commas) in all namespaces."""
        answer = self.kubectl("get", kind, "--all-namespaces", "--output", "json", *arguments)
        return json.loads(answer.stdout)["items"]

    def clean(self) -> None:
        """Delete every namespace and cluster-wide object that Kubernetes itself did not make, and wait until they are gone."""
        namespaces = {o["metadata"]["name"] for o in self.objects("namespaces")} - SYSTEM_NAMESPACES
        leftovers = [f"namespace/{name}" for name in namespaces]
        kinds = {
            "customresourcedefinitions.apiextensions.k8s.io": "customresourcedefinition",
            "clusterroles.rbac.authorization.k8s.io": "clusterrole",
            "clusterrolebindings.rbac.authorization.k8s.io": "clusterrolebinding",
            "persistentvolumes": "persistentvolume",
        }
        for kind, short in kinds.items():
            for item in self.objects(kind):
                labels = item["metadata"].get("labels", {})
                if "kubernetes.io/bootstrapping" not in labels:
                    leftovers.append(f"{short}/{item['metadata']['name']}")
        if leftovers:
            self.kubectl("delete", "--ignore-not-found", "--timeout=120s", *leftovers)


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
        """Operation to number of resources, as the engine's summary counts them; `same` is left out."""
        counts: Counter[str] = Counter()
        for event in self.events:
            counts.update(event.get("summaryEvent", {}).get("resourceChanges", {}))
        return Counter({operation: n for operation, n in counts.items() if operation != "same" and n})

    @property
    def steps(self) -> list[tuple[str, str]]:
        """(operation, URN) in the order in which the engine began them; `same` is left out."""
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
            **environment,
        }

    @property
    def state(self) -> Path:
        return self.private / "state"

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None, check: bool = True, timeout: float = 600
    ) -> Outcome:
        """Run `pulumi` with these arguments on this stack. With `check`, a failure fails the test and shows the output."""
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
        """Start `pulumi` in a session of its own, for tests that interrupt or kill it."""
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
        """What `pulumi preview --json --diff` says."""
        outcome = self.run("preview", "--json", "--diff", *arguments, environment=environment)
        return json.loads(outcome.stdout)

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


def copy_program(target: Path) -> Path:
    """A copy of the repository's program that a test may edit; the Python environment is the repository's own."""
    copy_repository(target, _NOT_THE_PROGRAM)
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


def copy_repository(target: Path, without: Collection[str] = (".git", ".local")) -> Path:
    """A copy of the repository without what tools make in it, and without these of its own folders."""

    def skipped(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _MADE or (Path(folder) == ROOT and name in without)}

    shutil.copytree(ROOT, target, ignore=skipped, symlinks=True)
    return target


def nothing_said() -> dict[str, str]:
    """The environment without what it says of stacks, clusters and an outer `make`."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULUMI_", "KUBE", "MAKE", "MFLAGS")) and name not in _OF_THE_OUTER_MAKE
    }


def make(folder: Path, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make` in a copy of the repository, as someone whose environment says nothing of stacks and clusters types it."""
    answer = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=nothing_said() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check:
        assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer
