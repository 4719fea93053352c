"""Workloads as the program renders them for production: what the drills run.

Between this and what runs lies a fixed mapping alone: folders, addresses, and the way to the Kubernetes API. ``Gateway`` and
``Agent`` hold it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from settings.units import to_bytes
from tests.support.synthesis import Program, stack_configuration, synthesise

STACK = "prod"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One workload. ``files`` are its ConfigMaps by their paths in the pod; ``env`` holds the values that the program sets."""

    files: Mapping[str, str]
    args: list[str]
    env: Mapping[str, str]
    memory: int
    """The container's limit, in bytes."""
    grace: int
    """Seconds between SIGTERM and SIGKILL."""
    replicas: int

    def file(self, name: str) -> str:
        """The only file of that name."""
        (text,) = (text for path, text in self.files.items() if path.endswith(f"/{name}"))
        return text


def workload(name: str, changes: Mapping[str, Any] | None = None) -> Rendered:
    """The workload of that name, with some of production's settings changed: ``{"collector": {"memory": "256Mi"}}``."""
    program = _program(json.dumps(changes or {}, sort_keys=True))
    (found,) = (resource for resource, _ in program.pods() if resource.inputs["metadata"]["name"] == name)
    pod = found.inputs["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return Rendered(
        files=_files(program, pod.get("volumes", []), container["volumeMounts"]),
        args=container["args"],
        env={item["name"]: item["value"] for item in container["env"] if "value" in item},
        memory=to_bytes(container["resources"]["limits"]["memory"]),
        grace=pod["terminationGracePeriodSeconds"],
        replicas=found.inputs["spec"].get("replicas", 1),
    )


def _files(program: Program, volumes: list[dict[str, Any]], mounts: list[dict[str, Any]]) -> dict[str, str]:
    data = {item["metadata"]["name"]: item["data"] for item in program.manifests() if item["kind"] == "ConfigMap"}
    paths = {mount["name"]: mount["mountPath"] for mount in mounts}
    found: dict[str, str] = {}
    for volume in volumes:
        sources = volume.get("projected", {}).get("sources", [volume])
        for source in sources:
            if "configMap" in source:
                texts = data[source["configMap"]["name"]]
                items = source["configMap"].get("items") or [{"key": key, "path": key} for key in texts]
                found |= {f"{paths[volume['name']]}/{item['path']}": texts[item["key"]] for item in items}
    return found


@cache
def _program(changes: str) -> Program:
    wanted: dict[str, dict[str, Any]] = json.loads(changes)
    shipped = stack_configuration(STACK)
    merged = {
        f"atlas:{key}": json.dumps(json.loads(shipped.get(f"atlas:{key}", "{}")) | below)
        for key, below in wanted.items()
    }
    return synthesise(STACK, merged)
