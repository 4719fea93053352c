"""Container images without a Docker engine: writes files as an OCI archive. The same files give the same bytes and digest."""

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, BinaryIO

from tools import debian_tree

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
USER = 10001
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\natlas:x:{USER}:{USER}:atlas:/tmp:/sbin/nologin\n",
    "etc/group": f"root:x:0:\natlas:x:{USER}:\n",
}
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
REGISTRY = "docker.io"
"""The registry of image names that name none."""
PATH = "PATH=/usr/local/bin:/usr/sbin:/usr/bin"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
_RECIPE = "1"
"""A part of every reference: raise it when the same parts give another image."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """``files`` maps paths in the image to files of this machine, ``texts`` maps them to content. ``programs`` are the executable
    ones.

    ``packages`` are Debian's. All files belong to root, and nothing else is in the image.
    """

    name: str
    entrypoint: Sequence[str] = ()
    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    programs: Sequence[str] = ()
    packages: Sequence[str] = ()
    environment: Sequence[str] = ()

    @cached_property  # it reads all files, and is used several times
    def reference(self) -> str:
        """The name for pods. It changes with all that the image is made of, except the versions of Debian's packages."""
        made_from = [
            _RECIPE,
            self.entrypoint,
            sorted(self.texts.items()),
            self.programs,
            self.packages,
            self.environment,
        ]
        digest = hashlib.sha256(json.dumps(made_from).encode())
        for path, file in sorted(self.files.items()):
            with file.open("rb") as opened:
                digest.update(f"{path}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}\0".encode())
        return f"atlas/{self.name}:{digest.hexdigest()[:16]}"


def from_binary(name: str, binary: Path, *arguments: str) -> Image:
    """The image of one static program, with the public CA certificates and the names of two users."""
    path = f"usr/bin/{binary.name}"
    return Image(
        name=name,
        entrypoint=(f"/{path}", *arguments),
        files={path: binary.resolve(), "etc/ssl/certs/ca-certificates.crt": CA_BUNDLE},
        texts=ACCOUNTS,
        programs=(path,),
    )


def write(image: Image, target: IO[bytes]) -> None:
    """Write the archive for ``ctr images import``."""
    with tempfile.TemporaryFile() as layer:
        digest, size = _write_layer(image, layer)
        config = _json(
            {
                "architecture": MACHINES[platform.machine()],
                "os": "linux",
                "config": {
                    "User": f"{USER}:{USER}",
                    "Entrypoint": list(image.entrypoint),
                    "Env": [PATH, *image.environment],
                    "WorkingDir": "/",
                },
                "rootfs": {"type": "layers", "diff_ids": [digest]},
            }
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _descriptor(CONFIG, config),
                "layers": [{"mediaType": LAYER, "digest": digest, "size": size}],
            }
        )
        name = {"io.containerd.image.name": f"{REGISTRY}/{image.reference}"}
        index = _json({"schemaVersion": 2, "manifests": [_descriptor(MANIFEST, manifest) | {"annotations": name}]})
        with tarfile.open(fileobj=target, mode="w|") as archive:
            _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            for blob in (config, manifest):
                _add(archive, _blob(f"sha256:{hashlib.sha256(blob).hexdigest()}"), blob)
            entry = _entry(_blob(digest))
            entry.size = size
            archive.addfile(entry, layer)
            _add(archive, "index.json", index)


def _write_layer(image: Image, target: BinaryIO) -> tuple[str, int]:
    """The layer's digest and size. Afterwards ``target`` is at its beginning."""
    ours, written = {*image.texts, *image.files}, set[str]()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in debian_tree.archive_entries(image.packages) if image.packages else ():
            if entry.name not in ours | written:
                archive.addfile(entry, content)
                written.add(entry.name)
        for folder in sorted(_folders(ours) - written):
            entry = _entry(folder, mode=0o1777 if folder == "tmp" else 0o755)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for path, text in sorted(image.texts.items()):
            _add(archive, path, text.encode(), mode=0o755 if path in image.programs else 0o644)
        for path, file in sorted(image.files.items()):
            entry = _entry(path, mode=0o755 if path in image.programs else 0o644)
            entry.size = file.stat().st_size
            with file.open("rb") as content:
                archive.addfile(entry, content)
    size = target.tell()
    target.seek(0)
    digest = hashlib.sha256()
    while chunk := target.read(1 << 20):
        digest.update(chunk)
    target.seek(0)
    return f"sha256:{digest.hexdigest()}", size


def _folders(paths: set[str]) -> set[str]:
    return {str(folder) for path in paths for folder in Path(path).parents} - {"."} | {"tmp"}


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _entry(path: str, mode: int = 0o644) -> tarfile.TarInfo:
    """An entry that belongs to root and is of 1970."""
    entry = tarfile.TarInfo(path)
    entry.mode = mode
    return entry


def _add(archive: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = _entry(path, mode)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
