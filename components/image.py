"""Which image a workload runs: pinned once in ``images/upstream.yaml``, replaced by the setting ``images``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_SEGMENT = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_SEGMENT}(?::\d+)?/)?{_SEGMENT}(?:/{_SEGMENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)

IMAGES: Mapping[str, str] = yaml.safe_load((Path(__file__).parents[1] / "images/upstream.yaml").read_text())
"""Pinned reference of each image, by the name of the workload that runs it."""


def check_reference(reference: str) -> str:
    """Return ``reference`` if it names an image by tag or digest, and not by ``latest``.

    Raises:
        ValueError: says what to write instead.
    """
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise ValueError("expected name:tag@sha256:<64 lower-case hex digits>")
    if match["tag"] == "latest" or not (match["tag"] or match["digest"]):
        raise ValueError("expected a version instead of latest: name:tag@sha256:<64 lower-case hex digits>")
    return reference


def is_digest_reference(reference: str) -> bool:
    """Whether ``reference`` can only ever mean one image."""
    match = _REFERENCE.fullmatch(reference)
    return bool(match and match["digest"])


@dataclass(frozen=True, kw_only=True)
class Images:
    """``images["loki"]`` is the reference to deploy."""

    overrides: Mapping[str, str] = field(default_factory=dict[str, str])

    def __getitem__(self, name: str) -> str:
        return self.overrides.get(name, IMAGES[name])
