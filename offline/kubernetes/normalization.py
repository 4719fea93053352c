"""Converts inputs to the form that the API server gives them, so that another spelling of the same value is no difference."""

import base64
import binascii
from collections.abc import Callable

from offline.kubernetes.cluster import Object
from offline.kubernetes.quantity import canonical
from offline.values import Json, contains_unknown

_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_SCHEMA_KEYS = {
    key.replace("-", "_"): key
    for key in (
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
}
_SCHEMA_NAMES = {key: name for name, key in _SCHEMA_KEYS.items()}
_QUANTITIES = {"averageValue", "divisor", "sizeLimit"}
_QUANTITY_MAPS = {
    "capacity",
    "default",
    "defaultRequest",
    "hard",
    "limits",
    "max",
    "maxLimitRequestRatio",
    "min",
    "overhead",
    "requests",
}
_WITHOUT_QUANTITIES = {"ConfigMap", "CustomResourceDefinition", "Secret"}
_OLD_BUILT_IN_GROUPS = {"apps", "autoscaling", "batch", "extensions", "policy"}


def is_built_in(obj: Object) -> bool:
    """Whether the kind is built into the API server, and not defined by a CustomResourceDefinition."""
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return not slash or group in _OLD_BUILT_IN_GROUPS or group.endswith(".k8s.io")


def normalize(obj: Object) -> Object:
    """A copy in the API server's form. When a value is still unknown, only read-only metadata is removed."""
    if contains_unknown(obj) or not is_built_in(obj):
        result = dict(obj)
    else:
        result = _without_nulls(obj)
        if obj.get("kind") == "Secret":
            result = _secret(result)
        elif obj.get("kind") == "CustomResourceDefinition":
            result = _definition(result)
        if obj.get("kind") not in _WITHOUT_QUANTITIES:
            result = {key: value if key == "metadata" else _quantities(value, key) for key, value in result.items()}
    if isinstance(result.get("metadata"), dict):
        result["metadata"] = {key: value for key, value in result["metadata"].items() if key not in _READ_ONLY}
    return result


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _secret(obj: Object) -> Object:
    """The API server stores ``stringData`` as base64 in ``data``."""
    data = {key: _rewrapped(value) for key, value in (obj.get("data") or {}).items()}
    for key, value in (obj.get("stringData") or {}).items():
        data[key] = base64.b64encode(str(value).encode()).decode()
    result = {key: value for key, value in obj.items() if key not in {"data", "stringData"}}
    return {**result, "data": data} if data or "data" in obj else result


def _rewrapped(value: Json) -> Json:
    """Base64 without the white space that the API server drops. What is not base64 stays, for the API server to refuse."""
    try:
        return base64.b64encode(base64.b64decode("".join(value.split()), validate=True)).decode()
    except (AttributeError, binascii.Error):
        return value


def _definition(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    if spec.get("preserveUnknownFields") is False:
        del spec["preserveUnknownFields"]
    return {**{key: value for key, value in obj.items() if key != "status"}, "spec": spec}


def _quantities(value: Json, key: str) -> Json:
    if isinstance(value, dict):
        if key in _QUANTITY_MAPS:
            return {name: _quantity(item) for name, item in value.items()}
        return {name: _quantities(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_quantities(item, "") for item in value]
    return _quantity(value) if key in _QUANTITIES else value


def _quantity(value: Json) -> Json:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _quantities(value, "")
    return canonical(str(value)) or value


def _renamed(value: Json, rename: Callable[[str], str]) -> Json:
    if isinstance(value, dict):
        return {rename(key): _renamed(item, rename) for key, item in value.items()}
    return [_renamed(item, rename) for item in value] if isinstance(value, list) else value


def to_kubernetes(value: Json) -> Json:
    """A value with the schema keys that the SDK writes with underscores, as the API server writes them."""
    return _renamed(value, lambda key: _SCHEMA_KEYS.get(key, key))


def to_pulumi(value: Json) -> Json:
    """The opposite of ``to_kubernetes``."""
    return _renamed(value, lambda key: _SCHEMA_NAMES.get(key, key))
