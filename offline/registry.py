"""Asks a container registry which digest a tag has, by the registry's own protocol.

TLS is a must for every registry but one on this machine's loopback address, which is asked in clear. Credentials go to the
registry, or to the address that it names for tokens, and are not sent after a redirect.
"""

import base64
import hashlib
import ipaddress
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, HTTPMessage
from typing import IO

from offline.provider import Refused

HUB = "registry-1.docker.io"
"""The registry of names that name none."""
_HUB_NAMES = ("docker.io", "index.docker.io", HUB)
ACCEPTED = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""An index first: its digest is that of the image on every kind of machine."""
REQUEST_SECONDS = 10
MAX_BODY = 4 * 1024 * 1024
"""Bytes of a manifest or token: the largest manifest that registries take."""
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class NoAnswer(Refused):
    """A registry does not answer at all."""


@dataclass(frozen=True)
class Account:
    """Who asks a registry. Both are empty for everybody."""

    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def header(self) -> str | None:
        """The value of ``Authorization``."""
        if not self.username:
            return None
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Name:
    """A reference in its parts. ``version`` is the tag, or the digest where there is one."""

    registry: str
    repository: str
    version: str

    @staticmethod
    def of(reference: str) -> "Name":
        """The parts of ``[registry/]repository[:tag][@digest]``, with Docker's defaults."""
        name, _, digest = reference.partition("@")
        path, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            path, tag = name, "latest"
        first, slash, rest = path.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, repository = registry_host(first), rest
        else:
            registry, repository = HUB, path
        if registry == HUB and "/" not in repository:
            repository = f"library/{repository}"
        return Name(registry, repository, digest or tag)


def registry_host(address: str) -> str:
    """Host and port of a registry's address, which may have a scheme and a path. Docker Hub has one host by all its names."""
    host = address.partition("://")[2] or address
    host = host.partition("/")[0]
    return HUB if host in _HUB_NAMES else host


def find_digest(name: Name, account: Account) -> str:
    """The digest, ``sha256:…``, of what the registry has by this name.

    Raises:
        Refused: there is no such image, or the account may not see it, or the answer does not say.
        NoAnswer: there is none.
    """
    base = f"{'http' if is_loopback(name.registry) else 'https'}://{name.registry}"
    url = f"{base}/v2/{name.repository}/manifests/{name.version}"
    answer = _ask(url, "HEAD", account.header, ACCEPTED)
    authorization = account.header
    challenge = answer.headers.get("WWW-Authenticate", "")
    if answer.status == 401 and challenge.lower().startswith("bearer"):
        authorization = f"Bearer {_token(challenge, name, account)}"
        answer = _ask(url, "HEAD", authorization, ACCEPTED)
    _require_success(answer, name, account)
    digest = answer.headers.get("Docker-Content-Digest")
    if digest is None:
        answer = _ask(url, "GET", authorization, ACCEPTED)
        _require_success(answer, name, account)
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    if not _DIGEST.fullmatch(digest):
        raise Refused(f"the registry {name.registry} names {name.repository}:{name.version} by no digest of SHA-256")
    return digest


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Message
    body: bytes


def _ask(url: str, method: str, authorization: str | None = None, accept: tuple[str, ...] = ()) -> _Answer:
    _require_safe(url)
    host = urllib.parse.urlsplit(url).netloc
    asked = urllib.request.Request(url, method=method, headers={"Accept": ", ".join(accept)} if accept else {})  # noqa: S310 - checked
    if authorization:
        asked.add_unredirected_header("Authorization", authorization)
    # A proxy that the environment names leads to other machines, not to this one.
    proxies = urllib.request.ProxyHandler({} if is_loopback(host) else None)
    try:
        with urllib.request.build_opener(proxies, _Redirects()).open(asked, timeout=REQUEST_SECONDS) as answer:
            return _Answer(answer.status, answer.headers, _body(answer, host))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, error.headers, b"")
    except (OSError, HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise NoAnswer(f"the registry {host} does not answer: {reason}") from None


def _body(answer: IO[bytes], host: str) -> bytes:
    body = answer.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise Refused(f"the registry {host} answers with more than {MAX_BODY} bytes")
    return body


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Some registries answer for others by a redirect."""

    max_redirections = 3

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _token(challenge: str, name: Name, account: Account) -> str:
    """The bearer token that the registry's own address for tokens gives to this account, or to everybody."""
    said = dict(_PARAMETER.findall(challenge))
    realm = said.get("realm", "")
    query = {"service": said.get("service", ""), "scope": said.get("scope") or f"repository:{name.repository}:pull"}
    answer = _ask(f"{realm}?{urllib.parse.urlencode(query)}", "GET", account.header)
    _require_success(answer, name, account)
    try:
        document = json.loads(answer.body)
        token = document.get("token") or document["access_token"]
    except (ValueError, KeyError, AttributeError):
        token = None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise Refused(f"the registry {name.registry} gives no token at {urllib.parse.urlsplit(realm).netloc}")
    return token


def _require_success(answer: _Answer, name: Name, account: Account) -> None:
    match answer.status:
        case 200:
            return
        case 401 | 403:
            who = f"the user {account.username}" if account.username else "anybody without credentials"
            said = f"does not show {name.repository} to {who}"
        case 404:
            said = f"has no image {name.repository}:{name.version}"
        case 429:
            said = "was asked too often"
        case _:
            said = "does not say what it has"
    raise Refused(f"the registry {name.registry} {said} (HTTP {answer.status})")


def _require_safe(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
        where = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "an address without a host"
        raise Refused(f"{where} is not asked: what a registry says has to come by https, except on this machine itself")


def is_loopback(netloc: str) -> bool:
    """Whether this host, with or without a port, is this machine itself."""
    host = urllib.parse.urlsplit(f"//{netloc}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
