"""The provider's configuration, with the names of the official plugin."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from offline.values import UNKNOWN, Json

_STRINGS = {"kubeconfig", "context", "cluster", "namespace", "clusterIdentifier"}
_FLAGS = {
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
}
_WITHOUT_EFFECT = {"suppressDeprecationWarnings", "suppressHelmHookWarnings", "kubeClientSettings", "version"}
_UNSUPPORTED = {
    "alwaysRender": "rendering to files",
    "renderYamlToDirectory": "rendering to files",
    "helmReleaseSettings": "Helm",
    "skipUpdateUnreachable": "skipping updates of an unreachable cluster",
    "upsertExistingObjects": "choosing what happens to existing objects (they are always taken over)",
}
_OFF = {None, "", "false", False}
_PREFIX = "kubernetes:config:"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a ``Configure`` call. Environment variables replace flags that are not set."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    mutable_config_maps: bool = False
    mutable_secrets: bool = False
    force: bool = False
    delete_unreachable: bool = False

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Settings":
        """Read the variables of a ``Configure`` call, which ``find_failures`` has accepted."""
        values = {key.removeprefix(_PREFIX): value for key, value in variables.items()}

        def flag(name: str) -> bool:
            return values.get(name, os.environ.get(_FLAGS[name])) == "true"

        return cls(
            kubeconfig=values.get("kubeconfig", ""),
            context=values.get("context", ""),
            cluster=values.get("cluster", ""),
            namespace=values.get("namespace", ""),
            mutable_config_maps=flag("enableConfigMapMutable"),
            mutable_secrets=flag("enableSecretMutable"),
            force=flag("enablePatchForce"),
            delete_unreachable=flag("deleteUnreachable"),
        )


def find_failures(inputs: Mapping[str, Json]) -> dict[str, str]:
    """Why the provider's inputs are refused, by key."""
    found: dict[str, str] = {}
    for key, value in inputs.items():
        if key in _UNSUPPORTED and value not in _OFF:
            found[key] = f"{_UNSUPPORTED[key]} is not supported by the stand-in Kubernetes provider; leave {key} out"
        elif key in _FLAGS and value is not UNKNOWN and value not in (True, False, "true", "false"):
            found[key] = f"must be true or false, got {value!r}"
        elif key not in _STRINGS | _FLAGS.keys() | _WITHOUT_EFFECT | _UNSUPPORTED.keys():
            found[key] = f"the Kubernetes provider has no setting {key!r}"
    if inputs.get("enableServerSideApply") in {"false", False}:
        found["enableServerSideApply"] = "the stand-in Kubernetes provider knows server-side apply only; leave it on"
    return found
