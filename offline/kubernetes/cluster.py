"""The API server: its connections, the kinds that it serves, and its answers as plain data."""

import json
import re
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from offline.kubernetes.access import connect
from offline.kubernetes.settings import Settings
from offline.provider import Refused

TIMEOUT = urllib3.Timeout(connect=5, read=60)
"""Seconds to connect, and to wait for the next byte of an answer."""
BUSY_RETRIES = 10

Object = dict[str, Any]


class ApiError(Exception):
    """An answer of the API server with an error status."""

    def __init__(self, code: int, status: Object) -> None:
        super().__init__(status.get("message") or f"the API server answered {code}")
        self.code = code
        self.reason: str = status.get("reason", "")
        self.details: Object = status.get("details") or {}


class NoSuchKind(Exception):
    """The API server does not serve this kind. The definition of a custom resource may not exist yet."""


@dataclass(frozen=True)
class Kind:
    """How the API server serves a kind."""

    plural: str
    namespaced: bool


class Cluster:
    """A connection to one API server. The kinds of an API version are asked for once, when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pulumi-kubernetes-"))
        try:
            self._access = connect(settings, self._folder)
        except BaseException:
            self.close()
            raise
        self.default_namespace = self._access.namespace
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Remove the files that were written for the TLS library."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, content: str = ""
    ) -> Object:
        """Call the API server.

        Raises:
            ApiError: the answer has an error status.
            Refused: there is no answer.
        """
        headers = {"Accept": "application/json", **self._access.headers()}
        if body is not None:
            headers["Content-Type"] = content or "application/json"
        url = f"{self._access.server}{path}{'?' + urlencode(query) if query else ''}"
        text = None if body is None else json.dumps(body)
        waits = 0
        while True:
            try:
                response = self._access.pool.request(method, url, body=text, headers=headers, timeout=TIMEOUT)
                answer = _parse(response.data)
            except urllib3.exceptions.HTTPError as error:
                raise Refused(self._unreachable(error)) from error
            if response.status < 400:
                return answer
            if response.status != 429 or waits == BUSY_RETRIES:
                raise ApiError(response.status, answer)
            waits += 1
            time.sleep(float(response.headers.get("Retry-After") or 1))

    def _unreachable(self, error: Exception) -> str:
        cause: BaseException = error
        while (inner := getattr(cause, "reason", None) or cause.__cause__) and isinstance(inner, BaseException):
            cause = inner
        why = re.sub(r"^\[Errno -?\d+\] ", "", str(cause).rsplit(": ", 1)[-1]).rstrip(".")
        return (
            f"the Kubernetes API server at {self._access.server} cannot be reached ({why}); "
            "start the cluster, or set KUBECONFIG to one that runs"
        )

    def check(self) -> None:
        """Ask for the server's version, to check that it answers.

        Raises:
            Refused: it does not, or does not accept the credentials.
        """
        try:
            self.request("GET", "/version")
        except ApiError as error:
            if error.code == 401:
                raise Refused("the Kubernetes API server does not accept the kubeconfig's credentials") from error
            raise Refused(f"the Kubernetes API server is not ready: {error}") from error

    def kind(self, api_version: str, name: str) -> Kind:
        """How a kind is served. An unknown kind is looked up each time, since its definition may have been created meanwhile."""
        with self._lock:
            known = self._kinds.get(api_version, {})
            if name not in known:
                known = self._kinds[api_version] = self._discover(api_version)
        if name not in known:
            raise NoSuchKind(f"the API server has no kind {name!r} in {api_version!r}; is its definition installed?")
        return known[name]

    def _discover(self, api_version: str) -> dict[str, Kind]:
        try:
            listed = self.request("GET", f"{_root(api_version)}")
        except ApiError as error:
            if error.code == 404:
                return {}
            raise
        return {
            entry["kind"]: Kind(entry["name"], entry["namespaced"])
            for entry in listed.get("resources", [])
            if "/" not in entry["name"]
        }

    def path(self, api_version: str, kind: str, namespace: str, name: str = "") -> str:
        """The URL's path of an object, or of the list of a kind when ``name`` is empty."""
        served = self.kind(api_version, kind)
        parts = [_root(api_version)]
        if served.namespaced:
            parts += ["namespaces", quote(namespace or "default", safe="")]
        parts.append(served.plural)
        if name:
            parts.append(quote(name, safe=""))
        return "/".join(parts)

    def path_of(self, obj: Object) -> str:
        """The URL's path of an object with a name."""
        metadata = obj["metadata"]
        return self.path(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])

    def read(self, obj: Object) -> Object | None:
        """The object as it is now, or None when it is gone."""
        try:
            return self.request("GET", self.path_of(obj))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str, selector: dict[str, str]) -> list[Object]:
        """The objects of a kind in a namespace that have these labels."""
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in selector.items())}
        return self.request("GET", self.path(api_version, kind, namespace), query).get("items", [])


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _parse(answer: bytes) -> Object:
    try:
        return json.loads(answer)
    except ValueError:
        return {"message": answer.decode(errors="replace").strip()}
