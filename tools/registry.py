"""Asks container registries whether images can be pulled from here without credentials. It needs only Python's standard library.

Each image's manifest is asked for by HTTP HEAD. A registry that answers 401 names the server that gives a token to everybody, as
the OCI's distribution protocol has it. Proxies, NO_PROXY and SSL_CERT_FILE of the environment are honoured.
"""

import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from tools.ports import LOOPBACK

ASK_SECONDS = 4.0
"""The time for all images together."""
DEFAULT_REGISTRY = "docker.io"
"""The registry of image names that name none."""
DOCKER_HUB = "registry-1.docker.io"
"""The host of that registry."""
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MAX_TOKEN_BYTES = 256 * 1024


@dataclass(frozen=True)
class ImageName:
    """An image as a registry knows it. ``host`` has the port, ``version`` is a digest or else a tag."""

    host: str
    repository: str
    version: str

    @classmethod
    def of(cls, reference: str) -> "ImageName":
        name, at, digest = canonical_name(reference).partition("@")
        registry, _, rest = name.partition("/")
        repository, _, tag = rest.partition(":")
        return cls(DOCKER_HUB if registry == DEFAULT_REGISTRY else registry, repository, digest if at else tag)

    @property
    def plain_http(self) -> bool:
        """Whether the registry is on this machine: only there it is asked without TLS, and without a proxy."""
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        scheme = "http" if self.plain_http else "https"
        return f"{scheme}://{self.host}/v2/{self.repository}/manifests/{self.version}"


def canonical_name(reference: str) -> str:
    """The name by which the kubelet looks for an image: with its registry, and without its tag when it has a digest."""
    name, at, digest = reference.partition("@")
    first, slash, _ = name.partition("/")
    if not slash or ("." not in first and ":" not in first and first != "localhost"):
        name = f"{DEFAULT_REGISTRY}/{name}" if slash else f"{DEFAULT_REGISTRY}/library/{name}"
    if not at:
        return name
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"


def is_loopback(host: str) -> bool:
    """Whether this host, with a port or without, is this machine by its own name for itself."""
    return host.partition(":")[0] in ("localhost", LOOPBACK)


def find_unavailable(references: Iterable[str], seconds: float = ASK_SECONDS) -> dict[str, str]:
    """Why each of these images cannot be pulled from here. What can be pulled is not in it. All are asked for at the same time."""
    asked = list(dict.fromkeys(references))
    answers: dict[str, str | None] = {}
    end = time.monotonic() + seconds

    def ask(reference: str) -> None:
        answers[reference] = _error(ImageName.of(reference), end)

    # Daemons, since looking up a name has no time limit of its own.
    threads = [threading.Thread(target=ask, args=(reference,), daemon=True) for reference in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = {reference: f"the registry {_host(reference)} does not answer within {seconds:g} s" for reference in asked}
    known = dict(answers)
    return {each: error for each in asked if (error := known.get(each, late[each])) is not None}


def _host(reference: str) -> str:
    return ImageName.of(reference).host.partition(":")[0]


def _error(image: ImageName, end: float) -> str | None:
    """Why the image cannot be pulled, or None when it can."""
    registry = f"the registry {image.host.partition(':')[0]}"
    opener = _opener(proxies=not image.plain_http)
    try:
        try:
            return _judge(_head(opener, image.url, end), registry)
        except urllib.error.HTTPError as error:
            challenge = _challenge(error.headers.get("WWW-Authenticate", "")) if error.code == 401 else None
            if challenge is None:
                raise
            token = _token(opener, challenge, image, end)
            return _judge(_head(opener, image.url, end, token), registry)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return f"{registry} does not have {image.repository}"
        return f"{registry} asks for credentials" if error.code in (401, 403) else f"{registry} answers {error.code}"
    except (OSError, HTTPException):
        return f"{registry} cannot be reached"
    except ValueError:
        return f"{registry} does not speak the protocol of registries"


def _judge(headers: Mapping[str, str], registry: str) -> str | None:
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip()
    return None if kind in MANIFESTS else f"{registry} answers with something else than a manifest"


def _opener(*, proxies: bool) -> urllib.request.OpenerDirector:
    """It knows HTTP alone: a registry may not lead to a file of this machine."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler() if proxies else urllib.request.ProxyHandler({}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _head(opener: urllib.request.OpenerDirector, url: str, end: float, token: str | None = None) -> Mapping[str, str]:
    # The opener knows HTTP alone.
    request = urllib.request.Request(url, method="HEAD", headers={"Accept": ", ".join(MANIFESTS)})  # noqa: S310
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    with opener.open(request, timeout=_left(end)) as answer:
        return answer.headers


def _challenge(header: str) -> dict[str, str] | None:
    """The parameters of ``WWW-Authenticate: Bearer realm="…",service="…"``, or None when it asks for something else."""
    scheme, _, rest = header.partition(" ")
    found = {name.lower(): value for name, value in re.findall(r'(\w+)="([^"]*)"', rest)}
    return found if scheme.lower() == "bearer" and "realm" in found else None


def _token(opener: urllib.request.OpenerDirector, challenge: Mapping[str, str], image: ImageName, end: float) -> str:
    """A token that everybody is given.

    Raises:
        ValueError: the token's server is not asked, or answers with something else.
    """
    realm = urllib.parse.urlsplit(challenge["realm"])
    if realm.scheme != "https" and not (realm.scheme == "http" and image.plain_http and is_loopback(realm.netloc)):
        raise ValueError(f"no token is asked for at {realm.scheme}://{realm.netloc}")
    query = {"scope": challenge.get("scope") or f"repository:{image.repository}:pull"}
    if "service" in challenge:
        query["service"] = challenge["service"]
    url = urllib.parse.urlunsplit(realm._replace(query=urllib.parse.urlencode(query), fragment=""))
    with opener.open(url, timeout=_left(end)) as answer:
        document: Any = json.loads(answer.read(MAX_TOKEN_BYTES))
    token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise ValueError("the answer holds no token")
    return token


def _left(end: float) -> float:
    return max(0.1, end - time.monotonic())
