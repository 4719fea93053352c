"""What the engine keeps of an object: as the API server has it, with the inputs and the field manager beside it."""

import json
from dataclasses import dataclass

from offline.kubernetes.cluster import Object
from offline.kubernetes.metadata import FIELD_MANAGER, annotation, made_up_name
from offline.kubernetes.normalization import normalize, to_kubernetes, to_pulumi
from offline.values import Json, Secret, contains_secret, is_empty, reveal

_INPUTS = "__inputs"
_API_VERSION = "__initialApiVersion"
_MANAGER = "__fieldManager"
_REVISION = "deployment.kubernetes.io/revision"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Checkpoint:
    """The engine's memory of an object, secrets opened."""

    inputs: Object
    live: Object
    api_version: str
    manager: str

    @classmethod
    def parse(cls, state: dict[str, Json]) -> "Checkpoint":
        """From the properties of a resource's state."""
        known = to_kubernetes(reveal(state))
        live = {key: value for key, value in known.items() if key not in {_INPUTS, _API_VERSION, _MANAGER}}
        inputs = known.get(_INPUTS) or {}
        return cls(inputs, live, known.get(_API_VERSION) or inputs.get("apiVersion", ""), known.get(_MANAGER) or "")

    def manager_for(self, inputs: Object, urn: str) -> str:
        """The field manager of these inputs: the one they name, the one so far, or that of the resource.

        The same resource always gets the same one: what a killed update has made is the next one's own.
        """
        return annotation(inputs, FIELD_MANAGER) or self.manager or made_up_name("pulumi-kubernetes", urn.encode())


def state(
    inputs: Object, live: Object, with_secrets: dict[str, Json], api_version: str, manager: str
) -> dict[str, Json]:
    """The properties to keep; what is secret in ``given`` is secret in them."""
    properties = mark_secrets(to_pulumi(live), with_secrets)
    properties[_INPUTS] = mark_secrets(to_pulumi(inputs), with_secrets)
    properties[_API_VERSION] = api_version
    properties[_MANAGER] = manager
    return properties


def mark_secrets(outputs: dict[str, Json], with_secrets: dict[str, Json]) -> dict[str, Json]:
    """A copy in which the values that are, or hold, a secret in ``given`` are secrets.

    A list with a secret inside is secret as a whole, since its order may change; a Secret's data always is.
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
    """The part of ``live`` that ``shape`` speaks of: what the cluster adds by itself is left out."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        return [prune(value, like) for value, like in zip(live, shape, strict=False)]
    return live


def live_inputs(live: Object, inputs: Object, manager: str) -> Object:
    """The inputs as the cluster has them now.

    An empty value (false, 0, nothing) that the API server leaves out stays, as long as the manager still owns it: who
    takes it away takes the ownership too.
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
    """What is owned of a list's item, which the owner names by its keys; of a list owned as a whole, everything."""
    for name, inside in (owned or {}).items():
        if name.startswith("k:") and isinstance(item, dict):
            keys = json.loads(name[2:])
            if all(item.get(key) == value for key, value in keys.items()):
                return inside
    return None if owned else owned


def imported_inputs(live: Object) -> Object:
    """An object nobody declared yet, as a program would declare it."""
    obj = normalize({key: value for key, value in live.items() if key != "status"})
    annotations = obj["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key not in {_REVISION, _LAST_APPLIED}}
    rest = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
    return {**obj, "metadata": {**rest, "annotations": kept} if kept else rest}
