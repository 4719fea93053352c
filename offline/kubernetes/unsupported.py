"""Refusals: what the provider does not support, and errors of the API server as one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from offline.kubernetes import metadata
from offline.kubernetes.cluster import ApiError, NoSuchKind, Object
from offline.kubernetes.normalization import is_built_in
from offline.provider import Refused


@contextmanager
def explain_errors(what: str, obj: Object) -> Iterator[None]:
    """Turn an error of the API server into a ``Refused`` with one sentence about the object."""
    try:
        yield
    except (ApiError, NoSuchKind) as error:
        where = f"{obj.get('kind')} {metadata.identity(obj)}"
        if isinstance(error, ApiError) and error.code == 409:
            raise Refused(
                f"{where} was not {what}: another field manager owns fields of it ({error}); "
                f'remove them there, or set the annotation {metadata.FORCE}: "true" to take them over'
            ) from error
        raise Refused(f"{where} was not {what}: {error}") from error


def refuse_unsupported(urn: str, obj: Object) -> None:
    """Raise ``Refused`` for kinds and annotations that the stand-in does not support."""
    api_version, kind = metadata.group_version_kind(urn)
    if kind.endswith("List") and is_built_in({"apiVersion": api_version}):
        raise Refused(f"{kind} cannot be created directly; create its items as resources of their own")
    if kind.endswith("Patch") and is_built_in({"apiVersion": api_version}):
        raise Refused(f"{kind} is not supported by the stand-in Kubernetes provider; declare the whole object")
    if api_version.startswith(("helm.sh/", "kustomize/", "yaml/")):
        raise Refused(f"{kind} of {api_version} is not supported by the stand-in Kubernetes provider")
    if metadata.of(obj).get("generateName") and not metadata.is_named(obj):
        raise Refused("metadata.generateName cannot be used with server-side apply; leave it out or set metadata.name")
    if metadata.annotation(obj, "pulumi.com/waitFor"):
        raise Refused("the annotation pulumi.com/waitFor is not supported by the stand-in Kubernetes provider")
