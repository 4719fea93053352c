"""A Collector's configuration with its overlays, as one file.

The Collector itself merges several files, but a list of a later file replaces an earlier one's: two overlays that each
add an extension would lose one. Here the lists that overlays add to are joined; all else is merged as the Collector does it.
Receivers and processors that no pipeline uses any more are left out, and so are extensions that the service does not name, also
where an exporter asks for one: a Collector does not start with a component that it does not know.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

from catalog.yaml_reader import load

_JOINED = re.compile(r"service\.extensions|service\.pipelines\.[^.]+\.(receivers|exporters)")
"""Lists in which the order means nothing. Processors are not among them. An overlay's `-name` takes a name out."""


def merge_configs(texts: Sequence[str]) -> str:
    """The first of ``texts`` with the overlays that follow it. Alone it stays as it is, comments and all."""
    first, *overlays = texts
    if not overlays:
        return first
    result: Any = load(first)
    for overlay in overlays:
        result = _merge(result, load(overlay), "")
    for kind in ("receivers", "processors"):
        if kind in result:
            used = {name for pipeline in result["service"]["pipelines"].values() for name in pipeline.get(kind, [])}
            result[kind] = {name: component for name, component in result[kind].items() if name in used}
    if "extensions" in result:
        used = set(result["service"].get("extensions", []))
        result["extensions"] = {name: each for name, each in result["extensions"].items() if name in used}
        for exporter in filter(None, result["exporters"].values()):
            if "middlewares" in exporter:
                exporter["middlewares"] = [each for each in exporter["middlewares"] if each["id"] in used]
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
        left = [item for item in joined if f"-{item}" not in added]
        return left + [item for item in added if item not in joined and not item.startswith("-")]
    return above
