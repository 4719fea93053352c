"""The resources that ``declared.json`` lists, through no SDK but the engine's own: a test writes the file.

``{"secret": value}`` is a secret. The one option is ``create``, a timeout.
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
for name, resource in declared["resources"].items():
    options = resource.get("options", {})
    pulumi.CustomResource(
        resource["type"],
        name,
        value_of(resource["inputs"]),
        pulumi.ResourceOptions(
            provider=provider,
            custom_timeouts=pulumi.CustomTimeouts(create=options.get("create"), update=options.get("create")),
        ),
    )
