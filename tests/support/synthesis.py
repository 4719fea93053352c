"""Run the program against a recording engine, and look at what it declares as plain data.

Mends the known traps of Pulumi's mocks: outputs are filled as the real plugins fill them, names are generated, two resources with
one URN are refused, and secrets stay recognisable.
"""

import asyncio
import hashlib
import json
import os
import pickle
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import configure, reset_options
from pulumi.runtime.stack import run_in_stack

from tests.support import required_inputs

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("local", "dev", "prod")
"""The stack file of each environment."""
STACKS = (*ENVIRONMENTS, "local-kind")
"""All stack files as they ship."""
SECRET = "<secret>"  # noqa: S105 - what stands in place of each

# An f-string over an Output is an error, not the text "Calling __str__ on an Output…".
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration. ``inputs`` are as the engine sees them, with ``<secret>`` in place of each secret value."""

    type: str
    name: str
    parent: str
    provider: str
    inputs: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.type.rpartition(":")[2]

    @property
    def namespace(self) -> str | None:
        return self.inputs.get("metadata", {}).get("namespace")


@dataclass(kw_only=True)
class Program:
    """What one run declared, in order, and what it exported."""

    resources: list[Resource] = field(default_factory=list[Resource])
    exports: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[str] = field(default_factory=list[str])
    lookups: list[str] = field(default_factory=list[str])
    """The images whose digest a registry was asked for."""

    def of_kind(self, *kinds: str) -> list[Resource]:
        """The resources of these kinds."""
        return [resource for resource in self.resources if resource.kind in kinds]

    def one(self, kind: str, name: str) -> Resource:
        """The only resource of this kind and logical name."""
        (found,) = (resource for resource in self.of_kind(kind) if resource.name == name)
        return found

    def kubernetes(self) -> Iterator[Resource]:
        """The resources that are Kubernetes objects."""
        return (resource for resource in self.resources if resource.type.startswith("kubernetes:"))

    def manifests(self) -> Iterator[dict[str, Any]]:
        """The Kubernetes objects as ``kubectl apply`` takes them: named as the plugin would name them, secrets as a placeholder."""
        for resource in self.kubernetes():
            named = {"name": f"{resource.name}-0a1b2c3d"} | resource.inputs["metadata"]
            yield resource.inputs | {"metadata": named}

    def pods(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Each workload with its pod's spec."""
        for resource in self.of_kind("Deployment", "StatefulSet", "DaemonSet"):
            yield resource, resource.inputs["spec"]["template"]["spec"]

    def job_pods(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Each job that runs on a schedule, with its pod's spec."""
        for resource in self.of_kind("CronJob"):
            yield resource, resource.inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]


REGISTRY_IMAGE = "docker:index/getRegistryImage:getRegistryImage"
ABSENT = "registry.example.com/absent/"
"""What no registry has begins with it."""


def digest_of(reference: str) -> str:
    """The digest that every other image has in its registry."""
    return f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"


class _Answers(mocks.Mocks):
    """What the real plugins would answer, as far as the program looks at it."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        outputs = dict(args.inputs)
        if args.typ.startswith("kubernetes:"):
            metadata = {"name": f"{args.name}-0a1b2c3d"} | dict(outputs.get("metadata", {}))
            outputs["metadata"] = metadata
        if args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = pulumi.Output.secret("generated-" + args.name)
            outputs["bcryptHash"] = pulumi.Output.secret("hash-of-generated-" + args.name)
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        assert args.token == REGISTRY_IMAGE, (
            f"the program calls {args.token}: a preview would depend on the outside world"
        )
        name = args.args["name"]
        self.program.lookups.append(name)
        if name.startswith(ABSENT):
            return {}, [("name", "the registry has no such image")]
        digest = digest_of(name)
        return {"id": digest, "insecureSkipVerify": False, "name": name, "sha256Digest": digest}, []


class _Monitor(mocks.MockMonitor):
    def __init__(self, program: Program) -> None:
        super().__init__(_Answers(program))
        self.program = program
        self.urns: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        assert urn not in self.urns, f"two resources are called {urn}"
        self.urns.add(urn)
        if request.type != "pulumi:pulumi:Stack":
            self.program.resources.append(
                Resource(
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    provider=request.provider or dict(request.providers).get("kubernetes", ""),
                    inputs=_without_secrets(json_format.MessageToDict(request.object)),
                )
            )
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            self.program.exports.update(_without_secrets(json_format.MessageToDict(request.outputs)))
        return super().RegisterResourceOutputs(request)


class _Engine(mocks.MockEngine):
    def __init__(self, program: Program) -> None:
        super().__init__(None)
        self.program = program

    def Log(self, request: Any) -> None:
        self.program.messages.append(request.message)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            inside = value.get("value")
            return dict.fromkeys(inside, SECRET) if isinstance(inside, dict) else SECRET
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def stack_configuration(stack: str) -> dict[str, str]:
    """The real stack file's values, as the engine hands them to a program."""
    values: Mapping[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    if stack == "prod":
        values = {**values, "atlas:images": required_inputs.images()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def synthesise(
    stack: str, changes: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
) -> Program:
    """Run ``__main__.py`` with the configuration of ``stack``, changed by ``changes`` and with ``secrets`` given.

    What the stack asks of its user is given as well. The program runs once a process for each configuration; every caller
    has a copy of its own.
    """
    asked = {**required_inputs.secret_settings(stack), **(secrets or {})}
    configuration = stack_configuration(stack) | dict(changes or {}) | asked
    return pickle.loads(_declared(stack, tuple(sorted(configuration.items())), tuple(sorted(asked))))  # noqa: S301 - ours


@cache
def _declared(stack: str, configuration: tuple[tuple[str, str], ...], secret_keys: tuple[str, ...]) -> bytes:
    """What the program declares, as bytes: the quickest way to a copy that shares nothing with the next one."""
    return pickle.dumps(run_program(stack, dict(configuration), list(secret_keys)))


def run_program(stack: str, configuration: dict[str, str], secret_keys: list[str]) -> Program:
    """Run ``__main__.py`` with this configuration, whether it has run with it before or not."""
    return declare(main_program, stack, configuration, secret_keys)


def main_program() -> None:
    """``__main__.py``, where there is no cluster to be asked."""
    with patch("settings.cluster_access.check_cluster"):
        runpy.run_path(str(ROOT / "__main__.py"))


def declare(
    program: Callable[[], object],
    stack: str = "local",
    configuration: dict[str, str] | None = None,
    secret_keys: list[str] | None = None,
) -> Program:
    """Run ``program`` against the recording engine."""
    recorded = Program()
    reset_options()
    pulumi.runtime.set_all_config(configuration or {}, secret_keys or [])
    configure(
        mocks.MockSettings(
            monitor=_Monitor(recorded),
            engine=_Engine(recorded),
            project="atlas",
            stack=stack,
            dry_run=False,
            organization=None,
        )
    )

    def run() -> None:
        program()

    asyncio.run(run_in_stack(run))
    return recorded
