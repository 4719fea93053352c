"""Finds what a file pins: the version or digest of something that comes from elsewhere, by what such a line looks like."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_KINDS: Mapping[str, str] = {
    "image by digest": r"[\w./:-]+@sha256:[0-9a-f]{64}",
    "image by tag": r"(?<![\w/.-])[a-z0-9][a-z0-9.-]*(?:/[a-z0-9._-]+)+:v?\d+(?:[.-]\w+)+(?![\w/])",
    "base image": r"^\s*(?:FROM |ARG [A-Z_]+=)[a-z0-9./-]+:[\w.-]+",
    "action": r"\buses:\s*[\w.-]+/[\w./-]+@\S+",
    "runner": r"\bruns-on:\s*[a-z]+-\d\S*",
    "Python package": r"(?<![\w.$({-])[A-Za-z][\w.-]*(?:\[[\w,-]+\])?(?:==|>=|~=)\d[\w.]*",
    "Go module": r"(?<![\w.-])[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[\w.~-]+)+ v\d+\.\d+\.\d+\S*",
    "Go release": r"^(?:go |toolchain go)\d+\.\d+\S*$",
    "version": r"""(?i)\b\w*version["']?\s?[:=]\s?["']?v?\d+\.\d+(?:\.\d+)?["']?""",
    "npm package": r"(?<![\w/@.-])@?[a-z][\w.-]*(?:/[\w.-]+)?@\d+\.\d+\.\d+",
    "npm package of a list": r"""^\s*["']?@?[a-z][\w.-]*(?:/[\w.-]+)?["']?:\s*["']?[\^~]?\d+\.\d+\.\d+["']?,?$""",
    "release of Debian": r"""[=:]\s*["']?(?:\w+/debian:)?(?:bullseye|bookworm|trixie|forky|duke)\b""",
}
KINDS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}
"""What a pin looks like, on one line; the first that fits names it."""
_NOTHING = re.compile(r"\s*(#|//)|exclude ")
"""Comments, and versions of Go modules that are ruled out."""
_MADE_UP = re.compile(r"\bexample\.(com|org)\b|\.(example|invalid|test)\b|@sha256:([0-9a-f]{2})\3{31}")
"""Names that belong to nobody, and digests of nothing."""


@dataclass(frozen=True)
class Pin:
    """``text`` as it stands in the file; ``line`` counts from 1."""

    path: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def find_pins(path: str, content: str) -> Iterator[Pin]:
    """Every line that pins something, once."""
    for number, line in enumerate(content.splitlines(), 1):
        if _NOTHING.match(line):
            continue
        for kind, pattern in KINDS.items():
            found = pattern.search(line)
            if found and not _MADE_UP.search(found[0]):
                yield Pin(path, number, kind, found[0].strip())
                break
