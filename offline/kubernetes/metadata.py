"""Names, annotations and identities of objects, with values that a preview may not know yet."""

import hashlib
import secrets

from offline.kubernetes.cluster import Object
from offline.provider import Refused, type_of
from offline.values import UNKNOWN

AUTONAMED = "pulumi.com/autonamed"
FIELD_MANAGER = "pulumi.com/patchFieldManager"
FORCE = "pulumi.com/patchForce"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"
SKIP_AWAIT = "pulumi.com/skipAwait"
TIMEOUT = "pulumi.com/timeoutSeconds"


def of(obj: Object) -> Object:
    """The object's metadata, made if there is none; nothing can be set in one that is not known yet."""
    metadata = obj.setdefault("metadata", {})
    return metadata if isinstance(metadata, dict) else {}


def annotation(obj: Object, key: str) -> str:
    """An annotation's value, or an empty string."""
    annotations = of(obj).get("annotations")
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def is_named(obj: Object) -> bool:
    """Whether the object has a name, be it one that only the update will know."""
    return bool(of(obj).get("name"))


def is_autonamed(obj: Object) -> bool:
    """Whether the provider made the name up."""
    return annotation(obj, AUTONAMED) == "true"


def set_name(obj: Object, name: str) -> None:
    """Give a name that the provider made up, and say so on the object."""
    metadata = of(obj)
    metadata["name"] = name
    annotations = metadata.setdefault("annotations", {})
    if isinstance(annotations, dict):
        annotations[AUTONAMED] = "true"


def made_up_name(prefix: str, seed: bytes = b"") -> str:
    """``prefix-`` and eight hex digits, always the same ones for a seed of the engine's."""
    digits = hashlib.sha256(seed).hexdigest()[:8] if seed else secrets.token_hex(4)
    return f"{prefix}-{digits}"


def identity(obj: Object) -> str:
    """The resource's id: ``namespace/name``, or the name alone."""
    metadata = of(obj)
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


def parse_identity(text: str) -> tuple[str, str]:
    """Namespace (empty for none) and name."""
    namespace, _, name = text.rpartition("/")
    return namespace, name


def group_version_kind(urn: str) -> tuple[str, str]:
    """The apiVersion and kind that a resource's type stands for."""
    _, module, kind = type_of(urn).split(":")
    group, _, version = module.partition("/")
    if not version:
        raise Refused(f"{type_of(urn)} is not supported by the stand-in Kubernetes provider")
    return (version if group == "core" else module), kind


def same_text(value: object) -> str:
    """A namespace for comparison: none means the one called default, and an unknown one is like no other."""
    return "[unknown]" if value is UNKNOWN else str(value or "default")
