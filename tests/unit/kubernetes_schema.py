"""Walk a declared object along the SDK's own types and name what those do not know: the SDK passes unknown keys on silently."""

import types
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Literal, Union, get_args, get_origin

from pulumi import _types


def unknown_keys(type_token: str, inputs: dict[str, Any]) -> Iterator[str]:
    """Path and reason of each key or value of ``inputs`` that the type named by ``type_token`` does not have.

    ``type_token`` is Pulumi's, such as ``kubernetes:apps/v1:StatefulSet``.
    """
    _, module, kind = type_token.split(":")
    group, _, version = module.partition("/")
    package = import_module(f"pulumi_kubernetes.{group.split('.')[0]}.{version}")
    yield from _walk(getattr(package, f"{kind}InitArgs"), inputs, kind)


def _walk(expected: Any, value: Any, path: str) -> Iterator[str]:
    if value is None or value == "<secret>":
        return
    alternatives = list(_alternatives(expected))
    findings = [list(_one(each, value, path)) for each in alternatives]
    if not findings:
        return
    yield from min(findings, key=len)


def _alternatives(expected: Any) -> Iterator[Any]:
    """The concrete types among a Union's members: no Output, no Awaitable."""
    if get_origin(expected) in (Union, types.UnionType):
        for member in get_args(expected):
            name = getattr(get_origin(member) or member, "__name__", "")
            if name not in ("Output", "Awaitable", "NoneType"):
                yield from _alternatives(member)
    else:
        yield expected


def _one(expected: Any, value: Any, path: str) -> Iterator[str]:
    origin = get_origin(expected)
    if isinstance(expected, type) and _types.is_input_type(expected):
        if not isinstance(value, dict):
            yield f"{path}: is {type(value).__name__}, not {expected.__name__}"
            return
        known = _types.input_type_types(expected)
        for key, item in value.items():
            if key not in known:
                yield f"{path}.{key}: {expected.__name__} has no such key"
            else:
                yield from _walk(known[key], item, f"{path}.{key}")
    elif origin is not None and origin is not Literal and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            yield f"{path}: is {type(value).__name__}, not a mapping"
            return
        for key, item in value.items():
            yield from _walk(get_args(expected)[1], item, f"{path}.{key}")
    elif origin is not None and origin is not Literal:
        if not isinstance(value, list):
            yield f"{path}: is {type(value).__name__}, not a list"
            return
        for index, item in enumerate(value):
            yield from _walk(get_args(expected)[0], item, f"{path}[{index}]")
    elif origin is Literal:
        if value not in get_args(expected):
            yield f"{path}: is {value!r}, not {get_args(expected)}"
    elif expected in (int, str, bool, float) and type(value) is not expected:
        yield f"{path}: is {type(value).__name__}, not {expected.__name__}"
