"""The part of JSON Schema that ``Pulumi.schema.json`` uses, so that a test may ask what an editor would say.

A keyword that is not known here is an error, and no keyword is passed over.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
_WORDS = {"$schema", "title", "description", "default", "examples", "definitions"}


def faults(
    schema: Mapping[str, Any], value: Any, root: Mapping[str, Any] | None = None, path: str = "$"
) -> Iterator[str]:
    """Where ``value`` is not as ``schema`` says, by path and keyword."""
    root = root or schema
    if "$ref" in schema:
        # Draft 7 ignores what stands beside a reference.
        assert schema.keys() == {"$ref"}, f"{schema} has more than its reference"
        yield from faults(root["definitions"][schema["$ref"].removeprefix("#/definitions/")], value, root, path)
        return
    for keyword, wanted in schema.items():
        if keyword not in _WORDS:
            yield from _of(keyword, wanted, schema, value, root, path)


def _of(
    keyword: str, wanted: Any, schema: Mapping[str, Any], value: Any, root: Mapping[str, Any], path: str
) -> Iterator[str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    mapping: dict[str, Any] = value if isinstance(value, dict) else {}
    match keyword:
        case "type":
            wrong = not any(_is(each, value) for each in ([wanted] if isinstance(wanted, str) else wanted))
        case "enum":
            wrong = not any(type(each) is type(value) and each == value for each in wanted)
        case "const":
            wrong = type(wanted) is not type(value) or wanted != value
        case "pattern":
            wrong = isinstance(value, str) and not re.search(wanted, value)
        case "minLength":
            wrong = isinstance(value, str) and len(value) < wanted
        case "maxLength":
            wrong = isinstance(value, str) and len(value) > wanted
        case "minimum":
            wrong = number and value < wanted
        case "maximum":
            wrong = number and value > wanted
        case "exclusiveMinimum":
            wrong = number and value <= wanted
        case "minItems":
            wrong = isinstance(value, list) and len(value) < wanted
        case "required":
            wrong = isinstance(value, dict) and not value.keys() >= set(wanted)
        case "anyOf":
            wrong = all(list(faults(each, value, root)) for each in wanted)
        case "allOf":
            wrong = any(list(faults(each, value, root)) for each in wanted)
        case "items":
            wrong = False
            for index, each in enumerate(value if isinstance(value, list) else []):
                yield from faults(wanted, each, root, f"{path}[{index}]")
        case "propertyNames":
            wrong = isinstance(value, dict) and any(list(faults(wanted, key, root)) for key in value)
        case "properties":
            wrong = False
            for key in wanted.keys() & mapping.keys():
                yield from faults(wanted[key], mapping[key], root, f"{path}.{key}")
        case "patternProperties" | "additionalProperties":
            wrong = False
            for key, each in mapping.items():
                inner = _rule(keyword, schema, key)
                if inner is False:
                    wrong = True
                elif inner is not None and inner is not True:
                    yield from faults(inner, each, root, f"{path}.{key}")
        case _:
            raise AssertionError(f"{path}: the keyword {keyword} is not known here")
    if wrong:
        yield f"{path}: {keyword}"


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, float) and value.is_integer())


def _rule(keyword: str, schema: Mapping[str, Any], key: str) -> Any:
    """The schema, or the truth value, that a key has from this keyword."""
    matching = [each for pattern, each in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
    if keyword == "patternProperties":
        return matching[0] if matching else None
    return None if matching or key in schema.get("properties", {}) else schema["additionalProperties"]
