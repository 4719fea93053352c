"""The resources that ``declared.json`` lists, through no SDK but the engine's own: a test writes the file.

``{"secret": value}`` is a secret. ``options`` are ``import``, ``ignoreChanges``, ``dependsOn`` (names) and ``create`` (a timeout).
"""

import json
from pathlib import Path
from typing import Any

import pulumi

declared = json.loads(Path("declared.json").read_text())


def value_of(written: Any) -> Any:
    """The written value with its secrets marked."""
    if isinstance(written, dict):
        if written.keys() == {"secret"}:
            return pulumi.Output.secret(written["secret"])
        return {key: value_of(item) for key, item in written.items()}
    return [value_of(item) for item in written] if isinstance(written, list) else written


provider = pulumi.ProviderResource("kubernetes", "cluster", declared.get("provider", {}))
made: dict[str, pulumi.Resource] = {}
for name, resource in declared["resources"].items():
    options = resource.get("options", {})
    made[name] = pulumi.CustomResource(
        resource["type"],
        name,
        value_of(resource["inputs"]),
        pulumi.ResourceOptions(
            provider=provider,
            import_=options.get("import"),
            ignore_changes=options.get("ignoreChanges"),
            depends_on=[made[other] for other in options.get("dependsOn", [])],
            custom_timeouts=pulumi.CustomTimeouts(create=options.get("create"), update=options.get("create")),
        ),
    )
