"""Alertmanager's configuration without the ways of telling people that an environment has no address for."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from catalog.yaml_reader import load

SECRETS = PurePosixPath("/etc/alertmanager/secrets")


def without_missing_secrets(text: str, secret_files: Collection[str]) -> str:
    """``text`` without the integrations that need a file below ``SECRETS`` whose name is not in ``secret_files``.

    A receiver that has none left stays, and does nothing: routes lead to it. Where nothing is left out, the text stays as it is.
    """
    config: dict[str, Any] = load(text)
    receivers: list[dict[str, Any]] = config["receivers"]
    kept = [_configured_receiver(receiver, secret_files) for receiver in receivers]
    if kept == receivers:
        return text
    return yaml.dump(config | {"receivers": kept}, Dumper=_Plain, sort_keys=False, width=1000)


class _Plain(yaml.SafeDumper):
    """Writes what several receivers share in each of them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _configured_receiver(receiver: Mapping[str, Any], secret_files: Collection[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in receiver.items():
        if not key.endswith("_configs"):
            kept[key] = value
            continue
        integrations: list[Mapping[str, Any]] = value
        if left := [each for each in integrations if _needs(each) <= set(secret_files)]:
            kept[key] = left
    return kept


def _needs(integration: Mapping[str, Any]) -> set[str]:
    """The names of the secret files of an integration."""
    files = (PurePosixPath(value) for key, value in integration.items() if key.endswith("_file"))
    return {file.name for file in files if file.parent == SECRETS}
