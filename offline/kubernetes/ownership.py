"""Who owns which fields of an object, by the API server's own records of its managers."""

from collections.abc import Callable
from typing import Any

from offline.kubernetes.cluster import ApiError, Cluster, Object

_ADOPTED = ("kubectl", "before-first-apply", "pulumi-kubernetes", "pulumi-resource-kubernetes")


def is_adopted(entry: Object) -> bool:
    """Whether a manager of fields is one that wrote for the user before: kubectl, or this provider otherwise."""
    mine = entry.get("manager", "").startswith(_ADOPTED)
    return mine and (entry.get("operation") == "Update" or entry["manager"].startswith("kubectl"))


def hand_over(cluster: Cluster, live: Object, manager: str, which: Callable[[Object], bool], tries: int = 5) -> Object:
    """Hand the fields of those managers to ours, so that there is no conflict and a dropped field goes away."""
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
        # A controller wrote in between, as to the status.
        return hand_over(cluster, newer, manager, which, tries - 1)


def _union(one: Object, other: Object) -> Object:
    shared = {key: _union(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **shared}


def keep(wanted: Object, live: Object, path: tuple[str | int, ...], manager: str) -> None:
    """Leave a field as it is: given up where others alone own it, or set to what the cluster has."""
    entries = live["metadata"].get("managedFields", [])
    owners = {entry.get("manager") for entry in entries if _owns(entry.get("fieldsV1", {}), path)}
    holder: Any = wanted
    source: Any = live
    for step in path[:-1]:
        holder, source = _step(holder, step), _step(source, step)
    last = path[-1]
    if not isinstance(holder, dict):
        return
    if owners and manager not in owners:
        holder.pop(last, None)
    elif isinstance(source, dict) and last in source:
        holder[last] = source[last]


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
