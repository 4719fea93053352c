"""Server-side apply: creates, changes and deletes objects on the API server.

A preview does the same as a dry run, so that it shows the API server's own checks and defaults.
"""

import json
import secrets
from collections.abc import Callable

from offline.kubernetes import metadata
from offline.kubernetes.cluster import ApiError, Cluster, NoSuchKind, Object
from offline.kubernetes.diff import parse
from offline.kubernetes.ownership import hand_over, is_adopted, keep

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
_CANNOT_CHANGE = ("field is immutable", "cannot change roleRef", "may not change once set")

Sleep = Callable[[float], None]
WaitUntilGone = Callable[[Object], None]
"""Waits until an object is gone."""


class NotPreviewable(Exception):
    """A dry run is not possible yet: the object's namespace or definition is part of the same update."""


def create(
    cluster: Cluster, inputs: Object, manager: str, *, force: bool, sleep: Sleep, wait_until_gone: WaitUntilGone
) -> Object:
    """Create the object, or take over an existing one.

    A missing namespace or definition is retried, as it may be created just now.
    """
    for seconds in (*RETRY_SECONDS, None):
        try:
            made = _apply(cluster, inputs, manager, preview=False, force=force)
        except (ApiError, NoSuchKind) as error:
            if isinstance(error, ApiError) and error.code in {409, 422} and _is_gone(cluster, inputs, wait_until_gone):
                continue
            if seconds is None or (isinstance(error, ApiError) and error.code != 404):
                raise
            sleep(seconds)
            continue
        if "deletionTimestamp" not in made["metadata"]:
            return made
        wait_until_gone(made)
    return _apply(cluster, inputs, manager, preview=False, force=force)


def _is_gone(cluster: Cluster, inputs: Object, wait_until_gone: WaitUntilGone) -> bool:
    """Whether no object has this name any more. Waits for one that is being deleted, as in a replacement."""
    live = cluster.read(inputs)
    if live is not None and "deletionTimestamp" in live["metadata"]:
        wait_until_gone(live)
        return True
    return live is None


def preview_creation(cluster: Cluster, inputs: Object, manager: str) -> Object:
    """What the API server would make of the inputs."""
    try:
        return _apply(cluster, inputs, manager, preview=True, force=True)
    except NoSuchKind as error:
        raise NotPreviewable from error
    except ApiError as error:
        if error.code == 403 or (error.code == 404 and error.details.get("kind") == "namespaces"):
            raise NotPreviewable from error
        if error.code == 400 and "does not support dry run" in str(error):
            raise NotPreviewable from error
        if error.code != 422 or not any(reason in str(error) for reason in _CANNOT_CHANGE):
            raise
    # The object to be replaced still has this name. A dry run with another name shows what the new one will be.
    name = inputs["metadata"]["name"]
    other = {**inputs, "metadata": {**inputs["metadata"], "name": f"{name[:200]}-{secrets.token_hex(4)}"}}
    made = _apply(cluster, other, manager, preview=True, force=True)
    made["metadata"]["name"] = name
    return made


def update(
    cluster: Cluster, live: Object, inputs: Object, manager: str, *, preview: bool, force: bool, ignored: list[str]
) -> Object:
    """Change the object in place. The fields in ``ignored`` keep their values in the cluster."""
    if inputs["kind"] == "CustomResourceDefinition":
        resource_version = live["metadata"]["resourceVersion"]
        body = {**inputs, "metadata": {**inputs["metadata"], "resourceVersion": resource_version}}
        return cluster.request("PUT", cluster.path_of(live), _query(manager, preview), body)
    if preview:
        force = force or any(is_adopted(entry) for entry in live["metadata"].get("managedFields", []))
    else:
        live = hand_over(cluster, live, manager, is_adopted)
    wanted = json.loads(json.dumps(inputs))
    for path in ignored:
        keep(wanted, live, parse(path), manager)
    return _apply(cluster, wanted, manager, preview=preview, force=force)


def relinquish(cluster: Cluster, live: Object, manager: str) -> None:
    """Give up all fields of a field manager that is no longer used."""
    names = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
    bare = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": names}
    _apply(cluster, bare, manager, preview=False, force=False)


def delete(cluster: Cluster, live: Object, inputs: Object) -> None:
    """Request the object's deletion. It is no error when the object or its kind is gone already."""
    policy = metadata.annotation(inputs, metadata.PROPAGATION).capitalize()
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": policy if policy in {"Orphan", "Background"} else "Foreground",
    }
    try:
        cluster.request("DELETE", cluster.path_of(live), body=body)
    except NoSuchKind:
        return
    except ApiError as error:
        if error.code != 404:
            raise


def _query(manager: str, preview: bool) -> dict[str, str]:
    return {"fieldManager": manager, **({"dryRun": "All"} if preview else {})}


def _apply(cluster: Cluster, obj: Object, manager: str, *, preview: bool, force: bool) -> Object:
    query = {**_query(manager, preview), "force": "true" if force else "false", "fieldValidation": "Warn"}
    return cluster.request("PATCH", cluster.path_of(obj), query, obj, "application/apply-patch+yaml")
