"""A stack of plain objects that a test declares as data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.workspace import Workspace

Inputs = dict[str, Any]
PROGRAM = Path(__file__).parent / "declared_program"


class Declared:
    """A project whose resources are whatever was last declared, by name in the program."""

    def __init__(self, stack: Workspace) -> None:
        self.stack = stack

    def declare(self, *resources: tuple[str, Inputs] | tuple[str, Inputs, Inputs], **provider: Any) -> None:
        """Each resource is its name, its object and, if any, its options; ``provider`` is the provider's settings."""
        listed: dict[str, Any] = {}
        for name, obj, *options in resources:
            listed[name] = {"type": token(obj), "inputs": obj, "options": options[0] if options else {}}
        document = {
            "provider": {
                key: json.dumps(value) if isinstance(value, bool) else value for key, value in provider.items()
            },
            "resources": listed,
        }
        (self.stack.folder / "declared.json").write_text(json.dumps(document))

    def resource(self, name: str) -> dict[str, Any]:
        """A resource of the state."""
        return next(found for found in self.stack.resources() if found["urn"].endswith(f"::{name}"))


def token(obj: Mapping[str, Any]) -> str:
    """The resource type of an object."""
    group_version = obj["apiVersion"] if "/" in obj["apiVersion"] else f"core/{obj['apiVersion']}"
    return f"kubernetes:{group_version}:{obj['kind']}"


def config_map(data: Mapping[str, str], name: str | None = None, **rest: Any) -> Inputs:
    """A ConfigMap in the namespace called default; without a name it is given one."""
    metadata = {"namespace": "default", **({"name": name} if name else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data), **rest}


def deployment(name: str, **annotations: str) -> Inputs:
    """A Deployment of one replica in the namespace called default; annotations are ``pulumi.com/...`` ones."""
    matched = {"app": name}
    container = {"name": "main", "image": "local/none:1"}
    metadata: Inputs = {"namespace": "default", "name": name}
    if annotations:
        metadata["annotations"] = {f"pulumi.com/{key}": value for key, value in annotations.items()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": matched},
            "template": {"metadata": {"labels": matched}, "spec": {"containers": [container]}},
        },
    }


def live_object(cluster: EmbeddedCluster, kind: str, name: str) -> dict[str, Any]:
    """The object as the cluster has it."""
    return json.loads(cluster.kubectl("get", kind, name, "--output", "json").stdout)
