"""Image archives that we write ourselves: the same parts are the same bytes, and nothing comes in but these parts."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools import oci
from tools.oci import Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF and so on")
    return oci.from_binary("tool", program, "--flag")


def written(image: Image) -> bytes:
    target = io.BytesIO()
    oci.write(image, target)
    return target.getvalue()


def opened(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {entry.name: opened.read() for entry in files if (opened := files.extractfile(entry))}


def layer(image: Image) -> dict[str, tarfile.TarInfo]:
    files = opened(written(image))
    manifest = described(files, json.loads(files["index.json"])["manifests"][0])
    (only,) = manifest["layers"]
    with tarfile.open(fileobj=io.BytesIO(files[f"blobs/{only['digest'].replace(':', '/')}"])) as entries:
        return {entry.name: entry for entry in entries}


def described(files: dict[str, bytes], what: dict[str, Any]) -> dict[str, Any]:
    blob = files[f"blobs/{what['digest'].replace(':', '/')}"]
    assert what["digest"] == f"sha256:{hashlib.sha256(blob).hexdigest()}"
    assert what["size"] == len(blob)
    return json.loads(blob)


def test_the_same_parts_are_the_same_bytes(image: Image, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "program").write_bytes((tmp_path / "program").read_bytes())
    (elsewhere / "program").chmod(0o700)

    again = oci.from_binary("tool", elsewhere / "program", "--flag")
    assert written(image) == written(again)
    assert image.reference == again.reference


def test_every_part_is_in_the_reference(image: Image, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"another program")
    changed = [
        replace(image, entrypoint=("/usr/bin/program",)),
        replace(image, texts={**image.texts, "etc/more": "text"}),
        replace(image, files={**image.files, "usr/bin/program": other}),
        replace(image, programs=()),
        replace(image, packages=("redis-server",)),
        replace(image, environment=("A=1",)),
    ]

    references = {each.reference for each in (image, *changed)}
    assert len(references) == len(changed) + 1
    assert all(reference.startswith("atlas/tool:") for reference in references)


def test_an_archive_says_what_starts_as_whom(image: Image) -> None:
    files = opened(written(image))
    (named,) = json.loads(files["index.json"])["manifests"]
    config = described(files, described(files, named)["config"])

    assert named["annotations"] == {"io.containerd.image.name": f"docker.io/{image.reference}"}
    assert config["config"]["Entrypoint"] == ["/usr/bin/program", "--flag"]
    assert config["config"]["User"] == "10001:10001"


def test_what_is_inside_is_roots_and_nobody_elses_to_write(image: Image) -> None:
    entries = layer(image)
    assert {entry.name for entry in entries.values() if entry.isreg()} == {
        "usr/bin/program",
        "etc/passwd",
        "etc/group",
        "etc/ssl/certs/ca-certificates.crt",
    }
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}
    assert {name for name, entry in entries.items() if entry.mode & 0o022} == {"tmp"}
    assert [name for name, entry in entries.items() if entry.isreg() and entry.mode & 0o100] == ["usr/bin/program"]
