"""JSON over HTTP, as the tests ask for it."""

import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a server said, whatever it was."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def request(
    url: str,
    method: str | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, Any] | None = None,
    data: bytes | None = None,
    timeout: float = 10,
) -> Answer:
    """The answer, whatever its status; ``body`` goes as JSON, ``data`` as it is. Without a ``method`` it is a GET, or a POST of
    the body.

    Raises:
        OSError: nobody answers.
    """
    data = data if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **(headers or {})}
    asked = urllib.request.Request(_whole(url, query), data, sent, method=method)
    with contextlib.ExitStack() as stack:
        try:
            answer = stack.enter_context(urllib.request.urlopen(asked, timeout=timeout))
        except urllib.error.HTTPError as error:
            answer = stack.enter_context(error)
        return Answer(int(str(answer.status)), dict(answer.headers), answer.read().decode(errors="replace"))


def read(url: str, *, timeout: float = 10, **query: Any) -> str:
    """What is there, as text.

    Raises:
        OSError: nobody answers, or not with success.
    """
    with urllib.request.urlopen(_whole(url, query), timeout=timeout) as answer:
        return answer.read().decode()


def ask(url: str, *, timeout: float = 10, **query: Any) -> Any:
    """The same, of JSON."""
    return json.loads(read(url, timeout=timeout, **query))


def _whole(url: str, query: Mapping[str, Any] | None) -> str:
    return f"{url}?{urllib.parse.urlencode(query)}" if query else url
