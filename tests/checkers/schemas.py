"""JSON schemas of every kind that the API server serves, the Prometheus Operator's among them, as kubeconform reads them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.operator_crds import GROUP, operator_kinds
from tests.support.waiting import wait_until

LOCATION = "{{.Group}}/{{.ResourceAPIVersion}}/{{.ResourceKind}}.json"
"""Below the folder of schemas; kubeconform takes the version for the group of what has none."""
_PREFIX = "#/components/schemas/"
Schema = dict[str, Any]


def write_schemas(cluster: EmbeddedCluster, folder: Path) -> None:
    """One file a kind. The API server publishes what was installed a moment later."""
    expected = operator_kinds(cluster)
    wait_until(lambda: expected <= set(_published(cluster, f"apis/{GROUP}/")))
    for (group, version, kind), schema in _published(cluster).items():
        path = folder / (group or version) / version / f"{kind.lower()}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema))


def _published(cluster: EmbeddedCluster, below: str = "") -> dict[tuple[str, str, str], Schema]:
    """(group, version, kind) to its schema, whole in itself; of the API groups below a path."""
    index = json.loads(cluster.kubectl("get", "--raw", "/openapi/v3").stdout)["paths"]
    kinds: dict[tuple[str, str, str], Schema] = {}
    for path, entry in index.items():
        if not path.startswith(below):
            continue
        document = json.loads(cluster.kubectl("get", "--raw", entry["serverRelativeURL"]).stdout)
        definitions: dict[str, Schema] = document.get("components", {}).get("schemas", {})
        closed = {name: _close(schema) for name, schema in definitions.items()}
        for name, schema in definitions.items():
            for identity in schema.get("x-kubernetes-group-version-kind", []):
                kinds[identity["group"], identity["version"], identity["kind"]] = {
                    "$ref": _PREFIX + name,
                    "components": {"schemas": {each: closed[each] for each in _reached(name, closed)}},
                }
    return kinds


def _close(schema: Schema) -> Schema:
    """Refuse keys that the schema does not name, where it names any. What narrows a value (``anyOf``, …) names only some."""
    closed = dict(schema)
    if "properties" in schema:
        closed["properties"] = {key: _close(value) for key, value in schema["properties"].items()}
        if not {"additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"} & set(
            schema
        ):
            closed["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            closed[key] = _close(schema[key])
    return closed


def _reached(name: str, definitions: dict[str, Schema]) -> set[str]:
    """This definition and all that it refers to."""
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        if (here := ahead.pop()) not in reached:
            reached.add(here)
            ahead += _references(definitions[here])
    return reached


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_PREFIX)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
