"""Credentials as they stray into logs and spans, made up anew each time."""

import base64
import secrets
from collections.abc import Callable, Mapping

CREDENTIALS: Mapping[str, str] = {
    "API key": "calling with api_key={}",
    "JWT": "Authorization: Bearer {}",
    "PEM block": "read the key {}",
    "Slack token": "posting as {}",
    "password in a URL": "connecting to postgres://atlas:{}@db:5432/atlas",
}
"""Kinds, and what is said around one."""


def _pem() -> str:
    begin, end = (f"-----{word} PRIVATE KEY-----" for word in ("BEGIN", "END"))
    text = base64.b64encode(secrets.token_bytes(96)).decode()
    return "\n".join([begin, text[:64], text[64:], end])


def _jwt() -> str:
    part = lambda size: base64.urlsafe_b64encode(secrets.token_bytes(size)).decode().rstrip("=")  # noqa: E731
    return f"eyJ{part(21)}.eyJ{part(60)}.{part(32)}"


_MADE: Mapping[str, Callable[[], str]] = {
    "API key": lambda: secrets.token_urlsafe(24),
    "JWT": _jwt,
    "PEM block": _pem,
    "Slack token": lambda: f"xoxb-{secrets.randbelow(10**12):012}-{secrets.token_hex(12)}",
    "password in a URL": lambda: secrets.token_hex(12),
}


def new_credential(kind: str) -> str:
    """A credential of that kind that nobody has."""
    return _MADE[kind]()
