"""Debian's image registry on the loopback address, with or without a password, and images that are only manifests."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bcrypt

from tests.support.addresses import answers, free_port
from tests.support.http_json import Answer, request
from tests.support.machine import require_program
from tests.support.process import Process

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


class ImageRegistry:
    """``host`` is its address in references. ``account`` is ``user:password``, or empty where everybody may read and write."""

    def __init__(self, folder: Path, account: str = "") -> None:
        self.account = account
        self._port = free_port()
        self.host = f"localhost:{self._port}"
        self._folder = folder
        settings = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
            "http": {"addr": f"127.0.0.1:{self._port}"},
        }
        if account:
            user, _, password = account.partition(":")
            hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()
            (folder / "htpasswd").write_text(f"{user}:{hashed}\n")
            settings["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        (folder / "registry.yaml").write_text(json.dumps(settings))

    @contextmanager
    def running(self) -> "Iterator[ImageRegistry]":
        """Answers until the end."""
        program = require_program("docker-registry", "docker-registry")
        command = [program, "serve", str(self._folder / "registry.yaml")]
        server = Process(command, {}, self._folder / "registry.log")
        try:
            server.ready(lambda: answers(self._port), "the registry's port")
            yield self
        finally:
            server.stop()

    def docker_config(self) -> str:
        """Its account, as in a ``config.json`` of Docker."""
        return docker_config({self.host: self.account})

    def push(self, name: str, content: str, *, index: bool = False) -> str:
        """Give the tag of ``name``, ``repository:tag``, to an image of this content; the digest, ``sha256:…``.

        ``index`` puts the image into an index, as one of several machines has it.
        """
        repository, _, tag = name.rpartition(":")
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "config": {"Labels": {"content": content}}}
        ).encode()
        descriptor = {"mediaType": CONFIG, "digest": _digest(config), "size": len(config)}
        begun = self._request("POST", f"/v2/{repository}/blobs/uploads/", 202)
        self._request("PUT", f"{begun.headers['Location']}&digest={descriptor['digest']}", 201, config)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": []}
        if not index:
            return self._put(repository, tag, manifest)
        digest = self._put(repository, "of-the-index", manifest)
        size = len(json.dumps(manifest).encode())
        entry = {
            "mediaType": MANIFEST,
            "digest": digest,
            "size": size,
            "platform": {"architecture": "amd64", "os": "linux"},
        }
        return self._put(repository, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})

    def _put(self, repository: str, tag: str, manifest: dict[str, object]) -> str:
        body = json.dumps(manifest).encode()
        self._request("PUT", f"/v2/{repository}/manifests/{tag}", 201, body, str(manifest["mediaType"]))
        return _digest(body)

    def _request(self, method: str, path: str, expected: int, body: bytes = b"", kind: str = "") -> Answer:
        url = path if path.startswith("http") else f"http://{self.host}{path}"
        headers = {"content-type": kind or "application/octet-stream"}
        if self.account:
            headers["authorization"] = f"Basic {base64.b64encode(self.account.encode()).decode()}"
        answer = request(url, method, headers=headers, data=body)
        assert answer.status == expected, f"{method} {path}: {answer.status} {answer.text}"
        return answer


def docker_config(accounts: Mapping[str, str]) -> str:
    """A ``config.json`` of Docker with these accounts, ``user:password`` by registry."""
    encoded = {registry: base64.b64encode(account.encode()).decode() for registry, account in accounts.items()}
    return json.dumps({"auths": {registry: {"auth": auth} for registry, auth in encoded.items()}})


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
