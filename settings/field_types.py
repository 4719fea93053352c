"""The texts that a setting may hold: the shape of each, what a message says of it, and an example that is one.

A shape is a regular expression that Python and an editor's JSON Schema read alike, so it is ASCII throughout: ``[0-9]``, and never
``\\d``, which takes the digits of every script.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from catalog.images import REFERENCE, SEGMENT, check_reference
from settings.cron import check_schedule
from settings.units import to_bytes, to_hours, to_millicores

MAX_LENGTH = 2048
"""Characters of any text: what is longer is a file that went astray."""

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = rf"{_LABEL}([.]{_LABEL})*"
_PORT = "(:[1-9][0-9]{0,4})?"

RESERVED = ("default", "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that belong to Kubernetes itself, as every name does that begins with ``kube-``."""


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """What a text looks like. ``expected`` completes "expected …"; ``validate`` raises ValueError where that is not enough."""

    pattern: str
    expected: str
    example: str
    validate: Callable[[str], object] | None = None

    def check(self, value: Any) -> str:
        """Return ``value`` if it is such a text.

        Raises:
            ValueError: says what to write instead, never what was found.
        """
        if not isinstance(value, str) or len(value) > MAX_LENGTH or not re.fullmatch(self.pattern, value):
            raise ValueError(f"expected {self.expected}")
        if self.validate:
            self.validate(value)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "type": "string",
            "description": self.expected,
            "maxLength": MAX_LENGTH,
            "pattern": f"^({self.pattern})$",
            "examples": [self.example],
        }


def _not_reserved(value: str) -> None:
    if value in RESERVED or value.startswith("kube-"):
        raise ValueError(f"expected a namespace of your own, not one of Kubernetes ({', '.join(RESERVED)}, kube-*)")


def _is_short(name: str) -> None:
    if len(name) > 253:
        raise ValueError("expected at most 253 characters")


def _is_host(host: str) -> None:
    """A name whose last part is a number is an address to every resolver, so it has to be one."""
    _is_short(host)
    if host.rpartition(".")[2].isdigit():
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("expected a host name or an address of four numbers up to 255") from None


def _leads_somewhere(url: str) -> None:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
        if ":" in host:
            ip_address(host)
    except ValueError:
        raise ValueError("expected an address that is one, and a port up to 65535") from None
    if port == 0:
        raise ValueError("expected a port from 1 to 65535")
    if ":" not in host:
        _is_host(host)


def _is_network(value: str) -> None:
    try:
        network = ip_network(value)
    except ValueError:
        raise ValueError(f"expected {NETWORK.expected}") from None
    if str(network) != value:
        raise ValueError(f"expected the address as it is usually written, {network}")
    if network.prefixlen < (8 if network.version == 4 else 32):
        raise ValueError("expected your own addresses, not the whole internet")
    if network.is_link_local or network.is_multicast or network.network_address.is_unspecified:
        raise ValueError("expected addresses of machines, not link-local (cloud metadata), multicast or none at all")


def _is_at_most(value: str, measure: Callable[[str], int], maximum: str) -> None:
    if measure(value) > measure(maximum):
        raise ValueError(f"expected at most {maximum}")


def _is_day(value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("expected a day that the calendar has") from None


def _is_registry(value: str) -> None:
    first = value.partition("/")[0]
    if "." not in first and ":" not in first and first != "localhost":
        raise ValueError(f"expected {REGISTRY.expected}")
    if ":" in first and int(first.rpartition(":")[2]) > 65535:
        raise ValueError("expected a port from 1 to 65535")


LABEL = TextFormat(
    pattern=_LABEL,
    expected="a DNS label: at most 63 lower-case letters, digits and hyphens, no hyphen at an end",
    example="my-name",
)
NAMESPACE = TextFormat(pattern=_LABEL, expected=LABEL.expected, example="my-namespace", validate=_not_reserved)
NAME = TextFormat(
    pattern=_NAME,
    expected="a name of lower-case letters, digits, hyphens and dots",
    example="standard",
    validate=_is_short,
)
HOST = TextFormat(
    pattern=_NAME,
    expected="a host name such as db.example.com, without scheme or port",
    example="db.example.com",
    validate=_is_host,
)
_ORIGIN = rf"https?://({_NAME}|\[[0-9a-f:.]+\]){_PORT}"
_URL_EXPECTED = "an absolute URL such as https://name.example.com in lower case, without credentials, query"
URL = TextFormat(
    pattern=rf"{_ORIGIN}(/[A-Za-z0-9._~%!$&'()*+,;=:-]+)*",
    expected=f"{_URL_EXPECTED} or slash at its end",
    example="https://name.example.com",
    validate=_leads_somewhere,
)
SITE = TextFormat(
    pattern=_ORIGIN,
    expected=f"{_URL_EXPECTED} or path",
    example="https://name.example.com",
    validate=_leads_somewhere,
)
QUANTITY = TextFormat(
    pattern="[1-9][0-9]{0,9}(Ki|Mi|Gi|Ti)",
    expected="a whole number with Ki, Mi, Gi or Ti, such as 512Mi",
    example="1Gi",
    validate=lambda value: _is_at_most(value, to_bytes, "64Ti"),
)
CPU = TextFormat(
    pattern="[1-9][0-9]{0,5}m?",
    expected='cores or millicores as text, such as "2" or 250m',
    example="250m",
    validate=lambda value: _is_at_most(value, to_millicores, "256"),
)
RETENTION = TextFormat(
    pattern="[1-9][0-9]{0,5}[hdw]",
    expected="a whole number with h, d or w, such as 15d",
    example="15d",
    validate=lambda value: _is_at_most(value, to_hours, "260w"),
)
NETWORK = TextFormat(
    pattern="[0-9a-f.:]+/[0-9]{1,3}",
    expected="a network in CIDR notation with no host bits set, such as 10.0.0.1/32",
    example="10.0.0.1/32",
    validate=_is_network,
)
CONTEXT = TextFormat(
    pattern="[!-~]([ -~]{0,251}[!-~])?",
    expected="the name of a kubeconfig context: printable, no blank at an end",
    example="my-cluster",
)
REGISTRY = TextFormat(
    pattern=rf"{SEGMENT}(:[1-9][0-9]{{0,4}})?(/{SEGMENT})*",
    expected="a registry such as registry.example.com/mirror, without scheme or slash at its end",
    example="registry.example.com/mirror",
    validate=_is_registry,
)
REFERENCE_TEXT = TextFormat(
    pattern=REFERENCE,
    expected="name:tag@sha256:<64 lower-case hex digits>",
    example="registry.example.com/team/tool:1.0.0",
    validate=check_reference,
)
IMAGE_TEMPLATE = TextFormat(
    pattern=r"[a-z0-9:._/-]*\{service\}[a-z0-9._/-]*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
    expected="an image by tag with {service} in its name, such as registry.example.com/trading/{service}:1.0.0",
    example="registry.example.com/trading/{service}:1.0.0",
    validate=lambda value: check_reference(value.replace("{service}", "service")),
)
FOLDER = TextFormat(
    pattern="[!-~]([ -~]{0,510}[!-~])?",
    expected="a folder's path, absolute or from the program's own folder",
    example="../Top_Tier_Trading",
)
SCHEDULE = TextFormat(
    pattern="@(hourly|daily|weekly|monthly|yearly)|[0-9*/,-]+( [0-9*/,-]+){2} [0-9A-Za-z*/,-]+ [0-9A-Za-z*/,-]+",
    expected='five fields of cron, such as "0 3 * * *"',
    example="0 3 * * *",
    validate=check_schedule,
)
BUCKET = TextFormat(
    pattern="[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    expected="a bucket's name: 3 to 63 lower-case letters, digits, hyphens and dots",
    example="atlas-logs",
)
MARKET = TextFormat(
    pattern="[A-Z0-9]{2,12}-[A-Z0-9]{2,12}", expected="a product of the exchange such as BTC-USD", example="BTC-USD"
)
LABEL_KEY = TextFormat(
    pattern=rf"({_NAME}/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?",
    expected="a label's key: at most 63 letters, digits, dots, hyphens and underscores after an optional domain/",
    example="release",
    validate=lambda key: _is_short(key.rpartition("/")[0]),
)
LABEL_VALUE = TextFormat(
    pattern="([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?",
    expected="a label's value: at most 63 letters, digits, dots, hyphens and underscores",
    example="kube-prometheus-stack",
)
ANNOTATION_VALUE = TextFormat(
    pattern="[!-~]([ -~]{0,2046}[!-~])?",
    expected="an annotation's value: printable, no blank at an end",
    example="trading-sign-in@kubernetescrd",
)
OPERATOR = TextFormat(
    pattern="[A-Za-z0-9_.@+-]{1,64}",
    expected="a user's name: 1 to 64 letters, digits and . _ @ + -",
    example="operator",
)
DAY = TextFormat(
    pattern="20[0-9]{2}-[01][0-9]-[0-3][0-9]",
    expected="a day such as 2025-01-31",
    example="2025-01-31",
    validate=_is_day,
)
TAG = TextFormat(
    pattern="[A-Za-z0-9][A-Za-z0-9 .:+_-]{0,63}",
    expected="any short text, such as a number or a date",
    example="2",
)

Label = Annotated[str, LABEL]
NamespaceName = Annotated[str, NAMESPACE]
Name = Annotated[str, NAME]
Host = Annotated[str, HOST]
Url = Annotated[str, URL]
Site = Annotated[str, SITE]
Quantity = Annotated[str, QUANTITY]
Cpu = Annotated[str, CPU]
Retention = Annotated[str, RETENTION]
Network = Annotated[str, NETWORK]
Context = Annotated[str, CONTEXT]
Registry = Annotated[str, REGISTRY]
Reference = Annotated[str, REFERENCE_TEXT]
ImageTemplate = Annotated[str, IMAGE_TEMPLATE]
Folder = Annotated[str, FOLDER]
Schedule = Annotated[str, SCHEDULE]
Bucket = Annotated[str, BUCKET]
Market = Annotated[str, MARKET]
AnnotationValue = Annotated[str, ANNOTATION_VALUE]
Operator = Annotated[str, OPERATOR]
Day = Annotated[str, DAY]
LabelKey = Annotated[str, LABEL_KEY]
LabelValue = Annotated[str, LABEL_VALUE]
Tag = Annotated[str, TAG]


def _reject_bool(value: Any) -> Any:
    # True equals 1, so that a Literal of numbers would take it.
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


StrictInt = BeforeValidator(_reject_bool)
"""Beside a ``Literal`` of numbers: a whole number and nothing that equals one."""
