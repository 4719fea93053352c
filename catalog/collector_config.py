"""The gateway's configuration with its overlays, as one file.

The Collector itself merges several files, but a list of a later file replaces an earlier one's: two overlays that each
add an extension would lose one. Here the lists that overlays add to are joined; all else is merged as the Collector does it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

from catalog.yaml_reader import load

_JOINED = re.compile(r"service\.extensions|service\.pipelines\.[^.]+\.(receivers|exporters)")
"""Lists in which the order means nothing. Processors are not among them."""


def merge_configs(texts: Sequence[str]) -> str:
    """The first of ``texts`` with the overlays that follow it. Alone it stays as it is, comments and all."""
    first, *overlays = texts
    if not overlays:
        return first
    result: Any = load(first)
    for overlay in overlays:
        result = _merge(result, load(overlay), "")
    return yaml.safe_dump(result, sort_keys=False, width=1000)


def count_persistent_queues(text: str) -> int:
    """How many persistent queues a configuration has: they share one volume."""
    exporters: Mapping[str, Mapping[str, Any] | None] = load(text)["exporters"]
    return sum(1 for exporter in exporters.values() if exporter and exporter.get("sending_queue"))


def _merge(below: Any, above: Any, path: str) -> Any:
    if isinstance(below, dict):
        result = dict(cast(dict[str, Any], below))
        for key, item in cast(dict[str, Any], above or {}).items():
            key_path = f"{path}.{key}" if path else key
            result[key] = _merge(result[key], item, key_path) if key in result else item
        return result
    if _JOINED.fullmatch(path):
        joined, added = cast(list[str], below), cast(list[str], above)
        return joined + [item for item in added if item not in joined]
    return above
