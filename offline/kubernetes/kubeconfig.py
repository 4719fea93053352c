"""Reads kubeconfigs. The provider's setting may be a path, several paths, the content itself, or empty."""

import os
from pathlib import Path
from typing import Any

import yaml

from offline.kubernetes.settings import Settings
from offline.provider import Refused
from offline.values import Json

DEFAULT = "~/.kube/config"
_FILES = {"certificate-authority", "client-certificate", "client-key", "tokenFile"}


def load(text: str) -> dict[str, Any]:
    """The kubeconfig of the setting, or an empty one. Of several files, the first that has an entry of a name wins."""
    text = text or os.environ.get("KUBECONFIG", "") or DEFAULT
    if "\n" in text or text.lstrip().startswith("{"):
        content = yaml.safe_load(text)
        return content if isinstance(content, dict) else {}
    merged: dict[str, Any] = {}
    for path in [Path(part).expanduser() for part in text.split(os.pathsep) if part]:
        if path.is_file():
            for key, value in (yaml.safe_load(path.read_text()) or {}).items():
                if isinstance(value, list):
                    merged.setdefault(key, []).extend(_absolute(entry, path.parent) for entry in value)
                else:
                    merged.setdefault(key, value)
    for key, value in merged.items():
        if isinstance(value, list):
            merged[key] = list({entry["name"]: entry for entry in reversed(value)}.values())[::-1]
    return merged


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The entry with absolute paths of files. In a kubeconfig they are relative to the kubeconfig itself."""
    return {
        key: {k: str(folder / v) if k in _FILES and v else v for k, v in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in entry.items()
    }


def _named(entries: object, name: str) -> dict[str, Any] | None:
    found = [entry for entry in entries if entry.get("name") == name] if isinstance(entries, list) else []
    return found[0] if found else None


def active_context(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The context in use, with the cluster and namespace of the settings in place of its own."""
    name = settings.context or config.get("current-context") or ""
    entry = _named(config.get("contexts"), name)
    if entry is None:
        known = ", ".join(str(entry.get("name")) for entry in config.get("contexts") or []) or "none"
        wanted = f"has no context {name!r}" if name else "names no current context"
        raise Refused(f"the kubeconfig {wanted}; it has: {known}")
    overrides = {"cluster": settings.cluster, "namespace": settings.namespace}
    return {**entry["context"], **{key: value for key, value in overrides.items() if value}, "name": name}


def active_cluster(config: dict[str, Any], settings: Settings) -> dict[str, Any] | None:
    """The cluster of the context in use, or None."""
    try:
        entry = _named(config.get("clusters"), active_context(config, settings).get("cluster", ""))
    except Refused:
        return None
    return None if entry is None else entry["cluster"]


def active_user(config: dict[str, Any], context: dict[str, Any]) -> dict[str, Any] | None:
    """The credentials of a context, or None."""
    entry = _named(config.get("users"), context.get("user", ""))
    return None if entry is None else entry["user"]


def in_cluster() -> bool:
    """Whether this process runs in a pod, which needs no kubeconfig."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def cluster_of(inputs: dict[str, Json]) -> dict[str, Any] | None:
    """The cluster that a provider's inputs select, or None."""
    settings = Settings(context=inputs.get("context") or "", cluster=inputs.get("cluster") or "")
    return active_cluster(load(inputs.get("kubeconfig") or ""), settings)
