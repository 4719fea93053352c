"""A registry on the loopback address as a mirror of the upstream images: filled with images that this machine makes."""

import json
import re
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.image_registry import ImageRegistry
from tools import oci
from tools.image_sources import in_mirror
from tools.registry import ImageName


class Mirror:
    """A running registry. ``host`` is its name with the port, as the setting ``registry`` takes it."""

    def __init__(self, host: str) -> None:
        self.host = host

    def push(self, image: oci.Image, reference: str) -> str:
        """Push the image under the reference's name and tag. The reference with the digest that it has now."""
        name = re.sub("@.*", "", reference)
        parts = ImageName.of(in_mirror(name, self.host))
        with tempfile.TemporaryFile() as file:
            oci.write(image, file)
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                (listed,) = _json(archive, "index.json")["manifests"]
                manifest = _json(archive, _blob(listed["digest"]))
                for each in (manifest["config"], *manifest["layers"]):
                    self._upload(parts.repository, each["digest"], archive)
                content = archive.extractfile(_blob(listed["digest"]))
                assert content
                _send("PUT", parts.url, content.read(), {"Content-Type": oci.MANIFEST})
        return f"{name}@{listed['digest']}"

    def fill(self, images: Iterable[oci.Image], pins: str) -> str:
        """Push each image under its upstream name. The pins (``images/upstream.yaml``) with the digests of these images."""
        for image in images:
            (pinned,) = re.findall(rf"^{image.name}: (\S+)$", pins, re.MULTILINE)
            pins = pins.replace(f"{image.name}: {pinned}", f"{image.name}: {self.push(image, pinned)}")
        return pins

    def _upload(self, repository: str, digest: str, archive: tarfile.TarFile) -> None:
        blob = archive.extractfile(_blob(digest))
        assert blob
        size = archive.getmember(_blob(digest)).size
        place = _send("POST", f"http://{self.host}/v2/{repository}/blobs/uploads/")["Location"]
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        _send("PUT", url, blob, {"Content-Type": "application/octet-stream", "Content-Length": str(size)})


@contextmanager
def running_mirror(folder: Path) -> Iterator[Mirror]:
    """An empty registry that keeps what it has in ``folder``. It ends with the block."""
    folder.mkdir(exist_ok=True)
    with ImageRegistry(folder).running() as registry:
        yield Mirror(registry.host)


def _send(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Mapping[str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, dict(headers or {}), method=method), timeout=120) as answer:
        return answer.headers


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(archive: tarfile.TarFile, path: str) -> Any:
    content = archive.extractfile(path)
    assert content
    return json.load(content)
