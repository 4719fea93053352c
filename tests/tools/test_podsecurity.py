"""Kubernetes' own Pod Security policies, asked without a cluster."""

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import tool_path

CONTAINER = {
    "name": "main",
    "image": "x",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
META = {"name": "subject", "namespace": "trading"}


def judged(*documents: Any, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    text = "---\n".join(document if isinstance(document, str) else yaml.safe_dump(document) for document in documents)
    environment = {**os.environ, "PATH": tool_path()}
    return subprocess.run(
        ["podsecurity", *arguments], input=text, env=environment, capture_output=True, text=True, check=False
    )


def wrapped(kind: str, container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """An object of this kind whose pods have this one container."""
    pod: dict[str, Any] = {"containers": [container], **spec}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod}
    match kind:
        case "Pod":
            return {"apiVersion": "v1", "kind": kind, "metadata": META, "spec": pod}
        case "Job":
            return {"apiVersion": "batch/v1", "kind": kind, "metadata": META, "spec": {"template": template}}
        case "CronJob":
            job = {"spec": {"template": template}}
            return {
                "apiVersion": "batch/v1",
                "kind": kind,
                "metadata": META,
                "spec": {"schedule": "* * * * *", "jobTemplate": job},
            }
        case _:
            selector = {"matchLabels": {"app": "x"}}
            return {
                "apiVersion": "apps/v1",
                "kind": kind,
                "metadata": META,
                "spec": {"selector": selector, "template": template},
            }


def mutated(path: str, value: Any) -> dict[str, Any]:
    container = copy.deepcopy(CONTAINER)
    target: Any = container["securityContext"]
    *parents, last = path.split(".")
    for parent in parents:
        target = target[parent]
    target[last] = value
    return container


KINDS = ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_restricted_pod_passes_in_every_kind(kind: str) -> None:
    answer = judged(wrapped(kind, CONTAINER))

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_violation_is_found_in_every_kind_and_named(kind: str) -> None:
    answer = judged(wrapped(kind, mutated("allowPrivilegeEscalation", True)))

    assert answer.returncode == 1
    assert answer.stdout == (
        f"{kind} trading/subject: allowPrivilegeEscalation != false: "
        'container "main" must set securityContext.allowPrivilegeEscalation=false\n'
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [("capabilities.drop", ["all"]), ("runAsNonRoot", False), ("runAsUser", 0), ("seccompProfile.type", "Unconfined")],
)
def test_each_rule_is_asked(path: str, value: Any) -> None:
    answer = judged(wrapped("Pod", mutated(path, value)))

    assert answer.returncode == 1
    assert len(answer.stdout.splitlines()) == 1


def test_a_lower_level_and_an_older_version_ask_for_less() -> None:
    bare = wrapped("Pod", {"name": "main", "image": "x"})
    host_probe = copy.deepcopy(CONTAINER) | {"livenessProbe": {"httpGet": {"port": 1, "host": "10.0.0.1"}}}

    assert judged(bare).returncode == 1
    assert judged(bare, arguments=("--level", "baseline")).returncode == 0
    assert judged(wrapped("Pod", CONTAINER, hostNetwork=True), arguments=("--level", "baseline")).returncode == 1
    assert judged(wrapped("Pod", host_probe), arguments=("--version", "v1.34")).returncode == 1
    assert judged(wrapped("Pod", host_probe), arguments=("--version", "v1.33")).returncode == 0


def test_every_document_list_and_file_is_read(tmp_path: Path) -> None:
    bad = wrapped("Deployment", {"name": "main", "image": "x"})
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [bad, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": META}],
    }
    custom = {"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"anything": 1}}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump_all([custom, listed, bad]))
    (tmp_path / "two.json").write_text(json.dumps(bad))
    answer = judged(arguments=(str(tmp_path / "one.yaml"), str(tmp_path / "two.json")))

    assert answer.returncode == 1
    assert len(answer.stdout.splitlines()) == 3 * 4


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("a: [", "did not find"),
        ("a: 1\na: 2\n", "already set"),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"container": []}}, 'unknown field "spec.container"'),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "no pod template"),
        ("", "no pod template"),
    ],
    ids=["no yaml", "the same key twice", "a misspelt field", "nothing with pods", "nothing"],
)
def test_what_cannot_be_judged_does_not_pass(document: Any, said: str) -> None:
    answer = judged(document)

    assert answer.returncode == 2
    assert said in answer.stderr


def test_a_level_that_does_not_exist_is_refused() -> None:
    assert judged(wrapped("Pod", CONTAINER), arguments=("--level", "strict")).returncode == 2
