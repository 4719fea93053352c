"""The files of an image, read from the layers that ``docker save`` writes, including files that a later layer removes."""

import hashlib
import json
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.docker import Engine

MIB = 1024 * 1024
_HIDES = ".wh."
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True)
class Member:
    """One entry of a layer. ``size`` is in bytes, ``digest`` is the hash of a file's content, ``link`` the target of a link."""

    path: str
    mode: int
    owner: tuple[int, int]
    kind: str
    size: int
    link: str
    digest: str
    modified: int


@dataclass
class Contents:
    """An image: ``layers`` are its entries, lowest layer first; ``config`` is the output of ``docker inspect``."""

    reference: str
    config: dict[str, Any]
    layers: list[list[Member]] = field(default_factory=list[list[Member]])

    @property
    def files(self) -> dict[str, Member]:
        """The files that a container sees, by path."""
        seen: dict[str, Member] = {}
        for layer in self.layers:
            for member in layer:
                folder, _, name = member.path.rpartition("/")
                if name == _OPAQUE:
                    seen = {path: one for path, one in seen.items() if not path.startswith(f"{folder}/")}
                elif name.startswith(_HIDES):
                    gone = f"{folder}/{name.removeprefix(_HIDES)}".lstrip("/")
                    seen = {path: one for path, one in seen.items() if path != gone and not path.startswith(f"{gone}/")}
            seen |= {member.path: member for member in layer if not member.path.rpartition("/")[2].startswith(_HIDES)}
        return seen

    def above(self, base: "Contents") -> list[Member]:
        """The files in the layers on top of the base image."""
        ours, theirs = (each.config["RootFS"]["Layers"] for each in (self, base))
        if ours[: len(theirs)] != theirs:
            raise ValueError(f"{self.reference} was not made from {base.reference}")
        return [member for layer in self.layers[len(theirs) :] for member in layer if member.kind == "file"]


def read(engine: Engine, reference: str, visit: Callable[[str, bytes], None] | None = None) -> Contents:
    """Read an image. ``visit`` is called with the path and content of each file of each layer, and with the configuration."""
    contents = Contents(reference, json.loads(engine.run("image", "inspect", reference))[0])
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "image.tar")
        engine.run("save", "--output", str(archive), reference)
        with tarfile.open(archive) as image:
            (manifest,) = json.loads(_content(image, "manifest.json"))
            if visit:
                visit(manifest["Config"], _content(image, manifest["Config"]))
            for name in manifest["Layers"]:
                with tarfile.open(fileobj=image.extractfile(image.getmember(name))) as layer:
                    contents.layers.append([_member(layer, info, visit) for info in layer])
    return contents


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    return file.read() if file else b""


def _member(layer: tarfile.TarFile, info: tarfile.TarInfo, visit: Callable[[str, bytes], None] | None) -> Member:
    path = info.name.removeprefix("./").rstrip("/")
    file = layer.extractfile(info) if info.isreg() else None
    content = file.read() if file else b""
    if visit and file:
        visit(path, content)
    kind = "file" if info.isreg() else "folder" if info.isdir() else "link" if info.issym() or info.islnk() else "other"
    digest = hashlib.sha256(content).hexdigest() if file else ""
    return Member(path, info.mode, (info.uid, info.gid), kind, info.size, info.linkname, digest, int(info.mtime))


def part_of(path: str) -> str:
    """The column of the table that counts a file above the base."""
    for folder, words in (
        ("opt/atlas/", "instrumentation"),
        ("app/node_modules/", "packages"),
        ("usr/local/lib/python3.11/dist-packages/", "packages"),
    ):
        if path.startswith(folder):
            return words
    return "own code"


def _package_of(path: str) -> str | None:
    """The npm package of a file, or the top-level folder among Python's packages."""
    for folder in ("app/node_modules/", "usr/local/lib/python3.11/dist-packages/"):
        if path.startswith(folder):
            first, *rest = path.removeprefix(folder).split("/")
            return f"{first}/{rest[0]}" if first.startswith("@") and rest else first
    return None


def row(image: Contents, base: Contents) -> list[str]:
    """The cells of an image's row, sizes in MiB: name, base, all above it and its parts, largest packages."""
    members = image.above(base)
    parts: Counter[str] = Counter()
    packages: Counter[str] = Counter()
    for member in members:
        parts[part_of(member.path)] += member.size
        if package := _package_of(member.path):
            packages[package] += member.size
    largest = ", ".join(f"{name} {size / MIB:.1f}" for name, size in packages.most_common(3) if size > MIB / 10)
    below = sum(member.size for layer in base.layers for member in layer if member.kind == "file")
    sizes = (below, sum(parts.values()), parts["packages"], parts["instrumentation"], parts["own code"])
    return [image.reference, *(f"{size / MIB:.1f}" for size in sizes), largest or "none"]


HEAD = ("image", "base", "above it", "packages", "instrumentation", "own code", "largest packages")


def table(rows: list[list[str]]) -> str:
    """The rows as a Markdown table."""
    lines = [" | ".join(HEAD), " | ".join("---" for _ in HEAD), *(" | ".join(cells) for cells in rows)]
    return "\n".join(f"| {line} |" for line in lines)
