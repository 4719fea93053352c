"""Conversion of the engine's property values to plain Python data and back.

A secret becomes a ``Secret`` around its value, a value that a preview does not know yet becomes ``UNKNOWN``. Whole numbers are
``int``.
"""

from dataclasses import dataclass
from typing import Any

from offline.protocol import struct_pb2

# Marks of the wire format; none of them is secret.
_MARK_KEY = "4dabf18193072939515e22adb298388d"
_MARK_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
_MARK_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS = {
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}

Json = Any
"""Plain data: dict, list, str, int, float, bool, None; with ``Secret`` and ``UNKNOWN`` where a function says so."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that the engine keeps encrypted in its state and hides in its output."""

    value: Json

    def __repr__(self) -> str:
        return "[secret]"


class _Unknown:
    def __repr__(self) -> str:
        return "[unknown]"

    def __deepcopy__(self, memo: object) -> "_Unknown":
        return self


UNKNOWN = _Unknown()


def decode(struct: struct_pb2.Struct) -> dict[str, Json]:
    """The properties of a message, with ``Secret`` and ``UNKNOWN``."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: struct_pb2.Value) -> Json:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_struct(value.struct_value)
        case _:
            return None


def _decode_struct(struct: struct_pb2.Struct) -> Json:
    fields = struct.fields
    if _MARK_KEY not in fields:
        return decode(struct)
    kind = fields[_MARK_KEY].string_value
    if kind == _MARK_SECRET:
        return Secret(_decode(fields["value"]))
    if kind == _MARK_OUTPUT:
        inner = _decode(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    raise ValueError("assets, archives and resource references are not supported by the stand-in")


def encode(properties: dict[str, Json]) -> struct_pb2.Struct:
    """The message for properties that may have ``Secret`` and ``UNKNOWN``."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        _encode(value, struct.fields[key])
    return struct


def _encode(value: Json, into: struct_pb2.Value) -> None:
    match value:
        case None:
            into.null_value = struct_pb2.NULL_VALUE
        case bool():
            into.bool_value = value
        case int() | float():
            into.number_value = value
        case str():
            into.string_value = value
        case list():
            into.list_value.SetInParent()
            for item in value:
                _encode(item, into.list_value.values.add())
        case dict():
            into.struct_value.SetInParent()
            for key, item in value.items():
                _encode(item, into.struct_value.fields[key])
        case Secret():
            into.struct_value.fields[_MARK_KEY].string_value = _MARK_SECRET
            _encode(value.value, into.struct_value.fields["value"])
        case _Unknown():
            into.string_value = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
        case _:
            raise TypeError(f"a value of type {type(value).__name__} cannot be a property")


def reveal(value: Json) -> Json:
    """The value with each ``Secret`` replaced by its content. ``UNKNOWN`` stays."""
    match value:
        case Secret():
            return reveal(value.value)
        case dict():
            return {key: reveal(item) for key, item in value.items()}
        case list():
            return [reveal(item) for item in value]
        case _:
            return value


def contains_unknown(value: Json) -> bool:
    """Whether a value not yet known is anywhere inside."""
    match value:
        case _Unknown():
            return True
        case Secret():
            return contains_unknown(value.value)
        case dict():
            return any(contains_unknown(item) for item in value.values())
        case list():
            return any(contains_unknown(item) for item in value)
        case _:
            return False
