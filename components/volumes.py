"""Files that pods mount: those that a tool reads once, those that it reloads by itself, and secret ones."""

from collections.abc import Mapping, Sequence

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import ConfigMap, KeyToPathArgsDict, VolumeArgsDict

from components.namespace_context import NamespaceContext


def immutable_config_volume(
    name: str, files: Mapping[str, str], context: NamespaceContext, opts: ResourceOptions
) -> VolumeArgsDict:
    """A folder of ``files`` (relative path to text), from an immutable ConfigMap with a name of its own.

    Changed files are a new object: it rolls the pods, and the old one goes last.
    """
    keys = {path: path.replace("/", ".") for path in files}
    created = ConfigMap(
        f"{name}-config",
        metadata={"namespace": context.namespace, "labels": context.labels(name)},
        immutable=True,
        data={keys[path]: text for path, text in files.items()},
        opts=opts,
    )
    items: list[KeyToPathArgsDict] = [{"key": key, "path": path} for path, key in keys.items()]
    return {"name": "config", "config_map": {"name": created.metadata["name"].apply(str), "items": items}}


def mutable_config_map(
    object_name: str,
    workload: str,
    files: Mapping[str, Input[str]],
    context: NamespaceContext,
    opts: ResourceOptions,
    **labels: str,
) -> Input[str]:
    """The name of a ConfigMap that is updated in place: the tool that mounts it notices, and no pod restarts."""
    created = ConfigMap(
        object_name,
        metadata={"name": object_name, "namespace": context.namespace, "labels": context.labels(workload) | labels},
        data=dict(files),
        opts=opts,
    )
    return created.metadata["name"].apply(str)


def projected_volume(volume: str, config_maps: Sequence[Input[str]]) -> VolumeArgsDict:
    """One folder with the files of several ConfigMaps."""
    return {
        "name": volume,
        "projected": {"sources": [{"config_map": {"name": object_name}} for object_name in config_maps]},
    }


def secret_volume(volume: str, secret: Input[str]) -> VolumeArgsDict:
    """A Secret's keys as files, readable by the pod's group alone."""
    return {"name": volume, "secret": {"secret_name": secret, "default_mode": 0o440}}
