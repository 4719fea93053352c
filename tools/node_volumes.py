"""Volumes of the embedded node: folders that are made in advance.

Each is bound to one claim, and replaced when the claim is gone.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

FREE_VOLUMES = 16
"""The number of free volumes after each start. The local stack claims eight."""
SIZE = "10Gi"
"""The capacity that each volume declares. In fact all share the disk."""
FOLDER = "lib/atlas-volumes"


def missing_volumes(node: str, var: Path, kubectl: Callable[..., str]) -> list[dict[str, Any]]:
    """The volumes that are to be created. Released volumes are deleted with their content. ``var`` is the node's ``/var``."""
    present: list[dict[str, Any]] = json.loads(kubectl("get", "persistentvolumes", "--output=json"))["items"]
    ours = {each["metadata"]["name"]: each for each in present if each["spec"].get("storageClassName") == "local"}
    free = {name for name, each in ours.items() if each["status"].get("phase") in ("Available", "Pending")}
    released = [name for name, each in ours.items() if each["status"].get("phase") in ("Released", "Failed")]
    if released:
        kubectl("delete", "persistentvolume", *released)
    for name in released:
        shutil.rmtree(var / FOLDER / name, ignore_errors=True)
    kept = set(ours) - set(released)
    names = [f"local-{number}" for number in range(len(kept) + FREE_VOLUMES)]
    new = [name for name in names if name not in kept][: max(0, FREE_VOLUMES - len(free))]
    for name in new:
        (var / FOLDER / name).mkdir(parents=True, exist_ok=True)
        (var / FOLDER / name).chmod(0o755)
    return [_volume(name, node) for name in new]


def _volume(name: str, node: str) -> dict[str, Any]:
    terms = [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": SIZE},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "local",
            "local": {"path": f"/var/{FOLDER}/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": terms}]}},
        },
    }
