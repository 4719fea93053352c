"""What the engine's state keeps of an object: the live object, its inputs and its field manager."""

import json
from dataclasses import dataclass

from offline.kubernetes.cluster import Object
from offline.kubernetes.metadata import FIELD_MANAGER, annotation, generate_name
from offline.kubernetes.normalization import normalize, to_kubernetes, to_pulumi
from offline.values import Json, Secret, contains_secret, is_empty, reveal

_INPUTS = "__inputs"
_API_VERSION = "__initialApiVersion"
_MANAGER = "__fieldManager"
_REVISION = "deployment.kubernetes.io/revision"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Checkpoint:
    """What the state knows of an object, with secrets in clear text."""

    inputs: Object
    live: Object
    api_version: str
    manager: str

    @classmethod
    def parse(cls, state: dict[str, Json]) -> "Checkpoint":
        """Read the properties of a resource's state."""
        known = to_kubernetes(reveal(state))
        live = {key: value for key, value in known.items() if key not in {_INPUTS, _API_VERSION, _MANAGER}}
        inputs = known.get(_INPUTS) or {}
        return cls(inputs, live, known.get(_API_VERSION) or inputs.get("apiVersion", ""), known.get(_MANAGER) or "")

    def manager_for(self, inputs: Object, urn: str) -> str:
        """The field manager for these inputs: the one that they name, else the previous one, else one made from the URN.

        A resource always gets the same name from its URN, so that an update owns what a killed update before it has made.
        """
        return annotation(inputs, FIELD_MANAGER) or self.manager or generate_name("pulumi-kubernetes", urn.encode())


def state(
    inputs: Object, live: Object, with_secrets: dict[str, Json], api_version: str, manager: str
) -> dict[str, Json]:
    """The properties for the state. What is secret in ``with_secrets`` is secret in them."""
    properties = mark_secrets(to_pulumi(live), with_secrets)
    properties[_INPUTS] = mark_secrets(to_pulumi(inputs), with_secrets)
    properties[_API_VERSION] = api_version
    properties[_MANAGER] = manager
    return properties


def mark_secrets(outputs: dict[str, Json], with_secrets: dict[str, Json]) -> dict[str, Json]:
    """A copy in which the values that are or contain a secret in ``with_secrets`` are secrets.

    A list that contains a secret is secret as a whole, since its order may change. A Secret's data always is.
    """
    marked = dict(outputs)
    for key, value in with_secrets.items():
        if key not in marked:
            continue
        if isinstance(marked[key], dict) and isinstance(value, dict):
            marked[key] = mark_secrets(marked[key], value)
        elif contains_secret(value):
            marked[key] = Secret(reveal(marked[key]))
    if outputs.get("kind") == "Secret":
        for key in {"data", "stringData"} & marked.keys():
            marked[key] = Secret(reveal(marked[key]))
    return marked


def prune(live: Json, shape: Json) -> Json:
    """The part of ``live`` whose keys are in ``shape``, without what the cluster added by itself."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        return [prune(value, like) for value, like in zip(live, shape, strict=False)]
    return live


def live_inputs(live: Object, inputs: Object, manager: str) -> Object:
    """The inputs with the values that the cluster has now.

    An empty value (false, 0, nothing) that the API server leaves out stays as long as our manager owns the field. Another manager
    that removes the value also takes the ownership.
    """
    entries = live["metadata"].get("managedFields") or []
    owned = next((entry["fieldsV1"] for entry in entries if entry.get("manager") == manager), None)
    return _live_part(live, inputs, owned)


def _live_part(live: Json, shape: Json, owned: Object | None) -> Json:
    if isinstance(live, dict) and isinstance(shape, dict):
        result: Object = {}
        for key, value in shape.items():
            inside = None if owned is None else owned.get(f"f:{key}", {} if not owned else None)
            if key in live:
                result[key] = _live_part(live[key], value, inside)
            elif is_empty(value) and inside is not None:
                result[key] = value
        return result
    if isinstance(live, list) and isinstance(shape, list):
        return [_live_part(item, like, _owned_item(owned, item)) for item, like in zip(live, shape, strict=False)]
    return live


def _owned_item(owned: Object | None, item: Json) -> Object | None:
    """The owned fields of a list's item, which the manager's record names by the item's keys."""
    for name, inside in (owned or {}).items():
        if name.startswith("k:") and isinstance(item, dict):
            keys = json.loads(name[2:])
            if all(item.get(key) == value for key, value in keys.items()):
                return inside
    return None if owned else owned


def imported_inputs(live: Object) -> Object:
    """The inputs with which a program would declare this object."""
    obj = normalize({key: value for key, value in live.items() if key != "status"})
    annotations = obj["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key not in {_REVISION, _LAST_APPLIED}}
    rest = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
    return {**obj, "metadata": {**rest, "annotations": kept} if kept else rest}
