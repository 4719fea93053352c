"""Which image a workload runs: pinned once in ``images/upstream.yaml``, replaced by the setting ``images``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi import Input

from catalog.yaml_reader import load

SEGMENT = r"[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
REFERENCE = rf"({SEGMENT}(:[0-9]{{1,5}})?/)?{SEGMENT}(/{SEGMENT})*(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(@sha256:[0-9a-f]{{64}})?"
"""The shape of an image's name, with the tag, the digest or both."""
DOCKER_HUB = "registry-1.docker.io"
_VERSIONS = re.compile(r"(?P<name>.*?)(:(?P<tag>[^:/@]+))?(@(?P<digest>[^@]+))?")

IMAGES: Mapping[str, str] = load((Path(__file__).parents[1] / "images/upstream.yaml").read_text())
"""Pinned reference of each image, by the name of the workload that runs it."""


def check_reference(reference: str) -> str:
    """Return ``reference`` if it names an image by tag or digest, and not by ``latest``.

    Raises:
        ValueError: says what to write instead.
    """
    if not re.fullmatch(REFERENCE, reference):
        raise ValueError("expected name:tag@sha256:<64 lower-case hex digits>")
    _, tag, digest = parts_of(reference)
    if tag == "latest" or not (tag or digest):
        raise ValueError("expected a version instead of latest: name:tag@sha256:<64 lower-case hex digits>")
    return reference


def parts_of(reference: str) -> tuple[str, str | None, str | None]:
    """Name, tag and digest of a reference that ``check_reference`` takes."""
    match = _VERSIONS.fullmatch(reference)
    return (match["name"], match["tag"], match["digest"]) if match else (reference, None, None)


def registry_of(reference: str) -> str:
    """Host and port of the registry that has this image; Docker Hub's where the reference names none."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DOCKER_HUB


def is_digest_reference(reference: str) -> bool:
    """Whether ``reference`` can only ever mean one image."""
    return parts_of(reference)[2] is not None


@dataclass(frozen=True, kw_only=True)
class Images:
    """``images["loki"]`` is the reference to deploy: what the settings name, else what was built here, else the pinned one.

    ``registry`` takes the place of the registry of each pinned image. What is not pinned is a service of the platform:
    ``template`` with the service's name in it.
    """

    overrides: Mapping[str, str] = field(default_factory=dict[str, str])
    built: Mapping[str, Input[str]] = field(default_factory=dict[str, Input[str]])
    registry: str | None = None
    template: str | None = None

    def __getitem__(self, name: str) -> Input[str]:
        if name in self.overrides:
            return self.overrides[name]
        if name in self.built:
            return self.built[name]
        if self.template and name not in IMAGES:
            return self.template.format(service=name)
        return f"{self.registry}/{_without_registry(IMAGES[name])}" if self.registry else IMAGES[name]


def _without_registry(reference: str) -> str:
    """``quay.io/a/b:1`` is ``a/b:1`` in a mirror; a first part without dot or port is no registry but a part of the name."""
    first, slash, rest = reference.partition("/")
    return rest if slash and ("." in first or ":" in first) else reference
