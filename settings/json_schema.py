"""``Pulumi.schema.json``: what a stack file may hold, for editors. ``python -m settings.json_schema`` writes it.

It knows shapes and not what goes together: a file that it takes may still be refused, with a message that says why.
"""

import json
from pathlib import Path
from typing import Any, cast

from catalog.images import IMAGES
from components.platform_services import SERVICES
from image_build.collector import COLLECTOR
from settings.issues import PROJECT
from settings.model import PRODUCTION, Settings
from settings.secret_table import SECRETS

FILE = Path(__file__).parents[1] / "Pulumi.schema.json"
COMMAND = "python -m settings.json_schema"


def stack_file_schema() -> dict[str, Any]:
    """The JSON Schema of a stack file."""
    settings = _tidied(Settings.model_json_schema(by_alias=True, ref_template="#/definitions/{model}"))
    definitions: dict[str, Any] = settings.pop("$defs")
    # Neither is true of a key at the top: an empty one is refused, and the environment is the stack's name.
    sections = {key: _unwrap_optional(value) for key, value in settings["properties"].items()}
    del sections["environment"]["default"]
    images, services = sorted(IMAGES.keys() | SERVICES.keys()), sorted(SERVICES)
    sections["images"]["propertyNames"] = {"enum": images}
    definitions["Platform"]["properties"]["services"]["propertyNames"] = {"enum": services}
    definitions["Build"]["properties"]["only"]["items"] = {"enum": sorted({COLLECTOR, *SERVICES})}
    for section, shape in PRODUCTION.items():
        for key, minimum in shape.items():
            field = definitions[section.capitalize()]["properties"][key]
            known = f"{field['description']}; " if "description" in field else ""
            field["description"] = f"{known}in production {minimum} where it is not set, and at least"
    definitions["secret"] = {
        "description": "set it by: pulumi config set --secret",
        "type": "object",
        "properties": {"secure": {"type": "string", "minLength": 1}},
        "required": ["secure"],
        "additionalProperties": False,
    }
    keys = {f"{PROJECT}:{key}": value for key, value in sections.items()} | {
        f"{PROJECT}:{key}": {
            "description": f"secret: {secret.description}",
            "allOf": [{"$ref": "#/definitions/secret"}],
        }
        for key, secret in SECRETS.items()
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Stack file of atlas",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": keys,
                "patternProperties": {"^pulumi:": {}},
                "required": [f"{PROJECT}:{key}" for key in settings["required"]],
                "additionalProperties": False,
            },
            **{key: {"type": "string"} for key in ("secretsprovider", "encryptedkey", "encryptionsalt")},
            "environment": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["config"],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _unwrap_optional(section: dict[str, Any]) -> dict[str, Any]:
    """A setting where it is set: ``X`` of ``X`` or null."""
    kinds = [each for each in section.get("anyOf", []) if each != {"type": "null"}]
    return {**kinds[0], **{key: value for key, value in section.items() if key != "anyOf"}} if kinds else section


def _tidied(part: Any) -> Any:
    """Without generated titles and whole sections as defaults; docstrings' quotes as people write them."""
    if isinstance(part, list):
        return [_tidied(each) for each in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    found: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", part).items():
        if (key == "title" and isinstance(value, str)) or (key == "default" and isinstance(value, dict | None)):
            continue
        found[key] = value.replace("``", "`") if key == "description" and isinstance(value, str) else _tidied(value)
    if "patternProperties" in found:
        found["additionalProperties"] = False
    return found


def rendered() -> str:
    """The file's text."""
    return json.dumps(stack_file_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered())
    print(f"{FILE.name} is written")
