"""Names, annotations and ids of objects. Values may still be unknown in a preview."""

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
    """The object's metadata, created when absent. Unknown metadata is returned as a new dict, which is not part of the object."""
    metadata = obj.setdefault("metadata", {})
    return metadata if isinstance(metadata, dict) else {}


def annotation(obj: Object, key: str) -> str:
    """An annotation's value, or an empty string."""
    annotations = of(obj).get("annotations")
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def is_named(obj: Object) -> bool:
    """Whether the object has a name, also one that a preview does not know yet."""
    return bool(of(obj).get("name"))


def is_autonamed(obj: Object) -> bool:
    """Whether the provider chose the name."""
    return annotation(obj, AUTONAMED) == "true"


def set_name(obj: Object, name: str) -> None:
    """Set a name that the provider chose, and mark it on the object by an annotation."""
    metadata = of(obj)
    metadata["name"] = name
    annotations = metadata.setdefault("annotations", {})
    if isinstance(annotations, dict):
        annotations[AUTONAMED] = "true"


def generate_name(prefix: str, seed: bytes = b"") -> str:
    """``prefix-`` and eight hex digits, which a seed determines."""
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
    """The apiVersion and kind of a resource's type."""
    _, module, kind = type_of(urn).split(":")
    group, _, version = module.partition("/")
    if not version:
        raise Refused(f"{type_of(urn)} is not supported by the stand-in Kubernetes provider")
    return (version if group == "core" else module), kind


def same_text(value: object) -> str:
    """A namespace for comparison: an absent one equals ``default``, an unknown one equals no other."""
    return "[unknown]" if value is UNKNOWN else str(value or "default")
