"""Kubernetes objects as ``kubectl`` takes them on its standard input."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Manifest = dict[str, Any]


def listed(objects: Iterable[Manifest]) -> str:
    """All of them as one document."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Manifest:
    metadata = {"name": name, **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def identity(manifest: Manifest) -> Manifest:
    """As much of an object as says which one it is."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key in ("name", "namespace")}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata}
