"""The environment of a benchmark: a cluster in a temporary folder, and stacks that can be reset to before their first update."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.process import Run, measure
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.repository import copy_program, tool_path
from tests.support.workspace import Workspace
from tools.kubectl import kubectl_cache
from tools.paths import ROOT
from tools.stack import REFRESH

PROGRAMS = Path(__file__).parent / "programs"
_SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the mark of the engine's secrets, as in offline/values.py
_INPUTS = "__inputs"
Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RequiredInputs:
    """The settings and secrets without which a stack cannot be deployed. Settings may be objects."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Environment:
    """A running cluster, and a folder for the programs and their state."""

    cluster: EmbeddedCluster
    folder: Path

    def program(
        self, stack: str, inputs: RequiredInputs, *, replaced_by: str | None = None, label: str = "atlas"
    ) -> "Stack":
        """The repository's program, or in its place a program of ``bench/programs`` that uses the repository's components."""
        folder = copy_program(self.folder / f"{label}-{stack}")
        settings = folder / f"Pulumi.{stack}.yaml"
        values = yaml.safe_load(settings.read_text())["config"]
        if replaced_by:
            shutil.copyfile(PROGRAMS / f"{replaced_by}.py", folder / "__main__.py")
            values = {f"atlas:{key}": value for key, value in inputs.settings.items()}
        else:
            values["atlas:cluster"]["waitForReady"] = False  # the cluster has no node to run pods
            values |= {f"atlas:{key}": value for key, value in inputs.settings.items()}
        settings.write_text(yaml.safe_dump({"config": values}))
        return self._stack(folder, stack, inputs.secrets)

    def floor(self, name: str, label: str, settings: Mapping[str, str]) -> "Stack":
        """A program of ``bench/programs`` that uses nothing of the repository: a floor to compare with."""
        folder = self.folder / label
        folder.mkdir()
        shutil.copyfile(PROGRAMS / f"{name}.py", folder / "__main__.py")
        (folder / ".venv").symlink_to(ROOT / ".venv")
        runtime = {"name": "python", "options": {"virtualenv": ".venv"}}
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
        config = {f"{name}:{key}": value for key, value in settings.items()}
        (folder / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": config}))
        return self._stack(folder, "local", {})

    def _stack(self, folder: Path, name: str, secrets: Mapping[str, str]) -> "Stack":
        kubeconfig = self.cluster.kubeconfig_as(f"atlas-{name}")
        private = self.folder / "private" / folder.name
        workspace = Workspace(folder, private, stack=name, environment={"KUBECONFIG": str(kubeconfig)}).init()
        for key, value in secrets.items():
            workspace.run("config", "set", "--secret", f"atlas:{key}", value)
        return Stack(self, workspace)

    def kubectl(self, *arguments: str, accept: Sequence[int] = (0,)) -> Run:
        """A measured kubectl as the cluster's administrator."""
        command = [
            "kubectl",
            "--kubeconfig",
            str(self.cluster.kubeconfig),
            "--context",
            self.cluster.context,
            *arguments,
        ]
        environment = {**os.environ, "PATH": tool_path(), "KUBECTL_KUBERC": "false", **kubectl_cache(self.folder)}
        return measure(command, folder=self.folder, environment=environment, accept=accept)

    def delete(self, manifests: Sequence[Manifest]) -> None:
        """Delete these objects and wait until they are gone. Objects in a deleted namespace are not deleted one by one."""
        gone = {each["metadata"]["name"] for each in manifests if each["kind"] == "Namespace"}
        rest = [each for each in manifests if each["metadata"].get("namespace") not in gone]
        if rest:
            self.cluster.kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=as_list(rest))


@dataclass(frozen=True)
class Deployed:
    """``manifests`` for ``kubectl apply``, with secrets in clear text.

    ``served`` is the number of resources that a provider made.
    """

    manifests: Sequence[Manifest]
    served: int


def read_deployment(resources: Sequence[dict[str, Any]]) -> Deployed:
    """Read an exported state. No provider makes the stack, the components and the providers themselves."""
    served = [each for each in resources if each.get("custom") and not each["type"].startswith("pulumi:")]
    objects = [reveal_secrets(each["outputs"][_INPUTS]) for each in served if each["type"].startswith("kubernetes:")]
    return Deployed(objects, len(served))


class Stack:
    """One stack, which can be reset to before its first update."""

    def __init__(self, environment: Environment, workspace: Workspace) -> None:
        self._environment = environment
        self._workspace = workspace
        self._before = workspace.private / "before"
        shutil.copytree(workspace.state, self._before)
        self._made: Sequence[Manifest] = ()

    def preview(self) -> Run:
        """A measured ``pulumi preview``."""
        return self._measured("preview")

    def up(self) -> Run:
        """A measured ``pulumi up``."""
        return self._measured("up", "--yes", "--skip-preview")

    def refreshed_preview(self) -> Run:
        """A measured preview as ``make preview`` runs it."""
        return self._measured("preview", REFRESH)

    def refreshed_up(self) -> Run:
        """A measured update as ``make up`` runs it."""
        return self._measured("up", REFRESH, "--yes", "--skip-preview")

    def first_up(self) -> Run:
        """A measured first ``pulumi up``; the stack is reset afterwards."""
        run = self.up()
        self.reset()
        return run

    def _measured(self, *arguments: str) -> Run:
        workspace = self._workspace
        return measure(workspace.command(arguments), folder=workspace.folder, environment=workspace.environment)

    def deploy(self) -> Deployed:
        """Deploy without measuring. Returns what was made, with the generated names and secrets of this deployment."""
        self._workspace.run("up", "--yes", "--skip-preview")
        state = json.loads(self._workspace.run("stack", "export", "--show-secrets").stdout)
        made = read_deployment(state["deployment"].get("resources", []))
        self._made = made.manifests
        return made

    def reset(self) -> None:
        """Remove everything that was deployed, from the cluster and from the state."""
        self._environment.delete(self._made)
        shutil.rmtree(self._workspace.state)
        shutil.copytree(self._before, self._workspace.state)


def reveal_secrets(value: Any) -> Any:
    """A value of an exported state, with its secrets as plain values."""
    if isinstance(value, dict):
        if _SECRET_MARK in value:
            return json.loads(value["plaintext"])
        return {key: reveal_secrets(item) for key, item in value.items()}
    return [reveal_secrets(item) for item in value] if isinstance(value, list) else value


def as_list(manifests: Sequence[Manifest]) -> str:
    """Objects as one ``List`` for kubectl."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
