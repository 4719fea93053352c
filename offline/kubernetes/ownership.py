"""Ownership of an object's fields, by the API server's records of field managers."""

from collections.abc import Callable
from typing import Any

from offline.kubernetes.cluster import ApiError, Cluster, Object

_ADOPTED = ("kubectl", "before-first-apply", "pulumi-kubernetes", "pulumi-resource-kubernetes")


def is_adopted(entry: Object) -> bool:
    """Whether this is a manager whose fields we take over: kubectl, or this provider without server-side apply."""
    mine = entry.get("manager", "").startswith(_ADOPTED)
    return mine and (entry.get("operation") == "Update" or entry["manager"].startswith("kubectl"))


def hand_over(cluster: Cluster, live: Object, manager: str, which: Callable[[Object], bool], tries: int = 5) -> Object:
    """Make our manager the owner of those managers' fields, so that there is no conflict and removed fields are deleted."""
    entries: list[Object] = live["metadata"].get("managedFields", [])
    theirs = [e for e in entries if e.get("manager") != manager and not e.get("subresource") and which(e)]
    if not theirs:
        return live
    ours = [entry for entry in entries if entry.get("manager") == manager and entry.get("operation") == "Apply"]
    merged: Object = {}
    for entry in [*ours, *theirs]:
        merged = _union(merged, entry.get("fieldsV1", {}))
    kept = [entry for entry in entries if entry not in theirs and entry not in ours]
    mine = {**theirs[0], "manager": manager, "operation": "Apply", "fieldsV1": merged}
    version = live["metadata"]["resourceVersion"]
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, mine]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]
    try:
        return cluster.request("PATCH", cluster.path_of(live), body=patch, content="application/json-patch+json")
    except ApiError as error:
        newer = cluster.read(live) if error.code == 409 and tries else None
        if newer is None:
            raise
        # Another writer, such as a controller that sets the status, changed the object in between.
        return hand_over(cluster, newer, manager, which, tries - 1)


def _union(one: Object, other: Object) -> Object:
    shared = {key: _union(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **shared}


def keep(wanted: Object, live: Object, path: tuple[str | int, ...], manager: str) -> None:
    """Leave a field unchanged: not applied when only other managers own it, else applied with the cluster's value."""
    entries = live["metadata"].get("managedFields", [])
    owners = {entry.get("manager") for entry in entries if _owns(entry.get("fieldsV1", {}), path)}
    parent: Any = wanted
    source: Any = live
    for step in path[:-1]:
        parent, source = _step(parent, step), _step(source, step)
    last = path[-1]
    if not isinstance(parent, dict):
        return
    if owners and manager not in owners:
        parent.pop(last, None)
    elif isinstance(source, dict) and last in source:
        parent[last] = source[last]


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _owns(fields: Object, path: tuple[str | int, ...]) -> bool:
    for step in path:
        if f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
    return True
