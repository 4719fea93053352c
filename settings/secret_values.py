"""Whether a configured secret can be what its key says. No message here ever holds a value."""

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from settings.addresses import blocked_by_policy
from settings.issues import ConfigIssue
from settings.secret_table import RECEIVERS, SECRETS

MIN_DISTINCT_CHARACTERS = 8
"""Different ones in a password: a short word again and again is short."""
COMMON_WORDS = (
    *("admin", "atlas", "changeme", "default", "example", "guest", "grafana", "letmein", "password", "postgres"),
    *("qwerty", "rabbitmq", "redis", "secret", "todo", "trading", "your_", "123456"),
)
"""What defaults, user names and example files are made of; it does not count towards a password's length."""
PLACEHOLDER = re.compile(r"<.*>|.*(your[_-]|change[_-]?me|replace[_-]?me|todo|placeholder|xxxx).*", re.IGNORECASE)
"""A token that nobody has filled in."""
MAX_SECRET_BYTES = 256 * 1024
"""Bytes of one value; a Secret of Kubernetes holds 1 MiB."""

_BCRYPT = re.compile(r"\$2[aby]\$(1\d|2\d|3[01])\$[./A-Za-z0-9]{53}")
_PRIVATE_KEY = re.compile(r"\s*-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s[A-Za-z0-9+/=\s:,-]+\s-----END \1-----\s*")


def unfit_secrets(secrets: Mapping[str, str], environment: str | None) -> Iterator[ConfigIssue]:
    """Values that cannot work. One machine may tell its alerts to a receiver without TLS, and no other environment."""
    schemes = ("https", "http") if environment == "local" else ("https",)
    for key, value in secrets.items():
        unfit = _unfit(SECRETS[key].kind, value, schemes)
        if unfit:
            yield ConfigIssue(key, *unfit)


def _unfit(kind: str, value: str, schemes: Collection[str] = ("https",)) -> tuple[str, str] | None:
    if not value.strip():
        return "is empty", "a value, or no key at all"
    if len(value.encode(errors="replace")) > MAX_SECRET_BYTES:
        return "is too large", f"at most {MAX_SECRET_BYTES // 1024} KiB"
    if "\0" in value or (not value.isascii() and kind != "password"):
        return "has a character in it that does not belong there", "printable ASCII"
    match kind:
        case "url" if not _is_url(value, schemes):
            wanted = " or ".join(schemes)
            return f"is no {wanted} URL", f"an {wanted} URL with a host and nothing around it"
        case "token" if re.search(r"\s", value):
            return "has a blank or a line end in it", "the token and nothing else"
        case "password" if value != value.strip() or not value.isprintable():
            return "has a blank or a line end around it, or a control character in it", "the password and nothing else"
        case "pem" if not _PRIVATE_KEY.fullmatch(value):
            return "is no private key", "a PEM block of a private key"
        case "bcrypt hash" if not _BCRYPT.fullmatch(value):
            return "is no bcrypt hash of cost 10 or more", "what htpasswd -nBC 12 NAME prints after the colon"
        case "docker config" if not _is_docker_config(value):
            return "is no Docker configuration", 'JSON with "auths", as docker login writes it'
        case _:
            return None


def _is_url(value: str, schemes: Collection[str] = ("https",)) -> bool:
    if re.search(r"[\s\x00-\x1f\x7f]", value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_docker_config(value: str) -> bool:
    try:
        auths = json.loads(value)["auths"]
        return bool(auths) and all(":" in b64decode(each["auth"], validate=True).decode() for each in auths.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return False


def unreachable_receivers(secrets: Mapping[str, str], private_backends: str | None) -> Iterator[ConfigIssue]:
    """Receivers of alerts that the NetworkPolicies keep Alertmanager from. ``private_backends`` is the setting of that name."""
    for key in (*RECEIVERS, "deadMansSwitchUrl"):
        value = secrets.get(key, "")
        if SECRETS[key].kind == "url" and _is_url(value) and blocked_by_policy(value, private_backends):
            wrong = "is at an address or port that no pod may reach"
            yield ConfigIssue(key, wrong, "port 443, or a network in cluster.privateBackends that holds it")


def weak_secrets(secrets: Mapping[str, str]) -> Iterator[ConfigIssue]:
    """Values that protect nothing, or that nobody has filled in."""
    seen: dict[str, str] = {}
    for key, value in secrets.items():
        kind = SECRETS[key].kind
        if _unfit(kind, value):
            continue
        if kind == "token" and PLACEHOLDER.fullmatch(value):
            yield ConfigIssue(key, "is a placeholder", "the real one")
        if kind != "password":
            continue
        minimum = SECRETS[key].min_length
        if _strength(value) < minimum or len(set(value)) < MIN_DISTINCT_CHARACTERS:
            yield ConfigIssue(key, "is a weak secret", f"at least {minimum} characters besides the usual defaults")
        elif value in seen:
            yield ConfigIssue(key, f"is the same as {seen[value]}", "a password of its own for each service")
        seen.setdefault(value, key)


def _strength(value: str) -> int:
    """Characters that are not of a usual default."""
    text = value.lower()
    for word in COMMON_WORDS:
        text = text.replace(word, "")
    return len(text)
