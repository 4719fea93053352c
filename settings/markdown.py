"""``docs/settings.md``: every setting and secret that a stack file may hold. ``python -m settings.markdown`` writes it anew.

Keys, defaults and descriptions come from the JSON Schema, what a value may be from the model's own messages.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from settings.introspection import describe, example, field_at
from settings.json_schema import stack_file_schema

FILE = Path(__file__).parents[1] / "docs/settings.md"
COMMAND = "python -m settings.markdown"
PREFIX = "atlas:"
_KIND = "secret: "
"""How the schema begins the description of a secret."""

_INTRODUCTION = """\
# Settings

What a stack file (`Pulumi.<stack>.yaml`) may hold. `make schema` writes this page from `settings/model.py`; do not edit it by hand.
Editors complete and check the same keys by `Pulumi.schema.json`.

```
pulumi config set --path atlas:collector.replicas 3 --stack dev
pulumi config set --secret atlas:slackWebhookUrl --stack prod     # the CLI asks for the value
```

An unknown, missing or wrong key stops the program before it declares a resource. One message lists every problem; each line ends
with `fix:` and a command. Some settings depend on each other: several replicas of Loki need object storage, for example. The same
message names those problems; this page does not list them.
"""
_HEADER = ("Setting", "Type and allowed values", "Default", "Description", "Example")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One leaf of the schema. ``path`` is as ``field_at`` takes it, ``key`` as its user writes it."""

    key: str
    path: tuple[int | str, ...]
    schema: dict[str, Any]
    required: bool

    @property
    def cells(self) -> tuple[str, ...]:
        field = field_at(self.path)
        allowed = describe(field) if field else str(self.schema.get("type", ""))
        if names := self.schema.get("propertyNames", {}).get("enum"):
            allowed += f"; names: {', '.join(names)}"
        default = self.schema.get("default")
        if field and not self.required and isinstance(field.default, dict):
            default = cast("Any", field.default)  # the schema leaves out whole mappings
        shown = "**required**" if self.required else "none" if default is None else _code(default)
        given = self.schema.get("examples") or ([example(field)] if field else [])
        wanted = given[0] if given and default is None else None
        return (
            _code_text(self.key),
            _text(allowed),
            shown,
            _text((field.description if field else None) or ""),
            "" if wanted is None else _code(wanted),
        )


@dataclass(frozen=True, kw_only=True)
class Section:
    """Settings below one key. ``about`` is the model's docstring."""

    key: str
    about: str
    settings: tuple[Setting, ...]


def sections(schema: dict[str, Any] | None = None) -> Iterator[Section]:
    """Each mapping of the schema that has leaves, in its order; what stands at the top by itself comes first, without a key."""
    reader = _Reader(stack_file_schema() if schema is None else schema)
    yield Section(key="", about="", settings=tuple(reader.single()))
    yield from reader.nested()


def secrets(schema: dict[str, Any] | None = None) -> dict[str, str]:
    """The description of each secret, by its key."""
    config = (stack_file_schema() if schema is None else schema)["properties"]["config"]
    keys: dict[str, Any] = config["properties"]
    return {key: value["description"].removeprefix(_KIND) for key, value in keys.items() if _is_secret(value)}


def rendered() -> str:
    """The file's text."""
    schema = stack_file_schema()
    parts = [_INTRODUCTION]
    for section in sections(schema):
        title = f"`{PREFIX}{section.key}`" if section.key else "Settings of one value"
        depth = "###" if "." in section.key or section.key.endswith("]") else "##"
        parts.append(f"{depth} {title}\n")
        if section.about:
            parts.append(f"{section.about.replace('``', '`')}\n")
        parts.append(_table(_HEADER, (setting.cells for setting in section.settings)))
    parts.append("## Secrets\n")
    parts.append(
        "Each is a key of its own and is stored encrypted: `pulumi config set --secret <key>`. "
        "A secret in clear, or a setting stored as a secret, is refused.\n"
    )
    rows = ((_code_text(key), _text(about)) for key, about in secrets(schema).items())
    parts.append(_table(("Secret", "Description"), rows))
    return "\n".join(parts)


class _Reader:
    def __init__(self, schema: dict[str, Any]) -> None:
        self._definitions: dict[str, dict[str, Any]] = schema["definitions"]
        config = schema["properties"]["config"]
        self._top = {key: value for key, value in config["properties"].items() if not _is_secret(value)}
        self._required: list[str] = config["required"]

    def single(self) -> Iterator[Setting]:
        for key, schema in self._top.items():
            if self._model(schema) is None:
                yield Setting(key=key, path=(key.removeprefix(PREFIX),), schema=schema, required=key in self._required)

    def nested(self) -> Iterator[Section]:
        for key, schema in self._top.items():
            if model := self._model(schema):
                name = key.removeprefix(PREFIX)
                yield from self._section(name, (name,), model)

    def _section(self, key: str, path: tuple[int | str, ...], model: dict[str, Any]) -> Iterator[Section]:
        below: list[Section] = []
        leaves: list[Setting] = []
        for name, schema in model["properties"].items():
            inner, inner_path = f"{key}.{name}", (*path, name)
            if found := self._model(schema):
                below += self._section(inner, inner_path, found)
                continue
            leaves.append(
                Setting(
                    key=PREFIX + inner, path=inner_path, schema=_set(schema), required=name in model.get("required", ())
                )
            )
            if found := self._model(schema.get("additionalProperties")):
                below += self._section(f"{inner}.<name>", (*inner_path, "<name>"), found)
            elif found := self._model(schema.get("items")):
                below += self._section(f"{inner}[]", (*inner_path, 0), found)
        yield Section(key=key, about=model.get("description", ""), settings=tuple(leaves))
        yield from below

    def _model(self, schema: Any) -> dict[str, Any] | None:
        """The mapping with declared keys that a setting is, if it is one."""
        if not isinstance(schema, dict):
            return None
        reference = _set(cast("dict[str, Any]", schema)).get("$ref", "")
        found = self._definitions.get(reference.removeprefix("#/definitions/"), {})
        return found if "properties" in found else None


def _set(schema: dict[str, Any]) -> dict[str, Any]:
    """A setting where it is set: ``X`` of ``X`` or null."""
    kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return {**kinds[0], **{key: value for key, value in schema.items() if key != "anyOf"}} if kinds else schema


def _is_secret(schema: dict[str, Any]) -> bool:
    return schema.get("allOf") == [{"$ref": "#/definitions/secret"}]


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _code_text(value if isinstance(value, str) else json.dumps(value))


def _code_text(text: str) -> str:
    return f"`{text.replace('|', '&#124;')}`"


def _text(text: str) -> str:
    """One line of a table's cell; what looks like a tag would not be shown."""
    return " ".join(text.replace("``", "`").split()).replace("|", "&#124;").replace("<", "&lt;")


if __name__ == "__main__":
    FILE.write_text(rendered())
    print(f"{FILE.relative_to(FILE.parents[1])} is written")
