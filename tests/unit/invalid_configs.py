"""Configurations with one thing wrong in each, the line that names it, and the command that fixes it.

``invalid_configs.yaml`` has those that a stack file can show; here are those that hold a secret, or are too long to read. Of both
the message is made by the rules here, which know nothing of how the program makes it.
"""

import json
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from catalog.images import IMAGES
from components.platform_services import SERVICES
from settings.loader import Configuration
from settings.secret_table import SECRETS
from tests.unit.configurations import both, configuration, password

DIGEST = "sha256:" + "0a" * 32
LOKI = IMAGES["loki"].partition("@")[0]
# Assembled, so that no scanner takes it for one.
PEM = "PRIVATE KEY-----"
KEY_PAIR = f"-----BEGIN EC {PEM}\nAAAA\n-----END EC {PEM}"
SAYS_NO_VALUE = ("is missing", "is empty", "is not a setting")
"""What is wrong in these ways has no value to show."""
PLACEHOLDERS = {
    "<pinned>": IMAGES["loki"],
    "<workloads>": ", ".join(sorted({*IMAGES, *SERVICES})),
    "<services>": ", ".join(sorted(SERVICES)),
    "<receivers>": ", ".join(key for key, secret in SECRETS.items() if secret.receiver),
}
NOTHING = object()


class InvalidConfig(NamedTuple):
    """``says`` is ``<key>: <what is wrong>, found <value>, expected <what>``; ``fix`` stands between "pulumi" and "--stack"."""

    configuration: Configuration
    says: str
    fix: str


def invalid(
    where: str,
    *,
    what: str = "is not valid",
    value: Any = NOTHING,
    set: Mapping[str, Any] | None = None,
    secret: Mapping[str, str | None] | None = None,
    stack: str = "dev",
    named: str | None = None,
    found: str | None = "",
    expected: str = "",
    meant: str = "",
    fix: Any = "",
    command: str = "",
) -> InvalidConfig:
    """The rules of ``invalid_configs.yaml``; its head says what each word means."""
    changes, hidden = dict(set or {}), dict(secret or {})
    if value is not NOTHING:
        if where in SECRETS:
            hidden[where] = value
        else:
            changes = both(changes, nested(where, value))
    else:
        value = value_at(changes, where)
    if found == "":
        silent = what.startswith(SAYS_NO_VALUE) or where in SECRETS or value is NOTHING
        found = None if silent else shown(value)
    told = [f"{where}: {what}"] + ([f"found {found}"] if found else [])
    told.append(
        f"did you mean {meant}?" if meant else f"expected {expected}" + ", or no key at all" * (what == "is empty")
    )
    of = configuration(stack, named=named, secret=hidden, also=changes)
    return InvalidConfig(of, filled(", ".join(told)), filled(command or fixing(where, value, fix, of.stack)))


def fixing(where: str, value: Any, fix: Any, stack: str) -> str:
    """The command that writes ``fix`` where ``value`` is, or what ``<remove>``, ``<ask>`` and ``<secret>`` stand for."""
    key = ("--path " if "." in where or "[" in where else "") + shlex.quote(f"atlas:{where}")
    if fix == "<remove>":
        return f"config rm {key}"
    if fix == "<ask>":
        return f"config set {key}"
    if fix == "<secret>":
        return f"config set --secret {key}"
    written = json.dumps(fix) if isinstance(fix, bool) else str(fix)
    command = f"config set {key} {written if written == '<pinned>' else shlex.quote(written)}"
    # The CLI keeps the quotes of a text that it writes over, so a number comes only after the text is gone.
    over_text = isinstance(value, str) and not isinstance(fix, str)
    return f"config rm {key} --stack {stack} && pulumi {command}" if over_text else command


def shown(value: Any) -> str:
    """A value as a message shows it."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return json.dumps(value)


def filled(text: str) -> str:
    for placeholder, value in PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    return text


def nested(where: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` for ``a.b``."""
    first, _, rest = where.partition(".")
    return {first: nested(rest, value) if rest else value}


def value_at(changes: Any, where: str) -> Any:
    """What the changes put at a path such as ``a.b[0]``, ``NOTHING`` where they put nothing there."""
    for name, index in re.findall(r"([A-Za-z0-9-]+)|\[(\d+)\]", where):
        try:
            changes = changes[int(index) if index else name]
        except (KeyError, IndexError, TypeError):
            return NOTHING
    return changes


def _loaded(text: str) -> Any:
    """The YAML document; a key that is there twice would hide a case."""
    ahead = [yaml.compose(text)]
    while ahead:
        node = ahead.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"a key is there twice: {sorted(keys)}"
            ahead += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            ahead += node.value
    return yaml.safe_load(text)


def _written() -> Iterator[tuple[str, InvalidConfig]]:
    """The cases of the YAML file by name."""
    document = _loaded(Path(__file__).with_suffix(".yaml").read_text())
    for group in [*document["groups"], {"cases": document["cases"]}]:
        shared = {key: value for key, value in group.items() if key != "cases"}
        for name, words in group["cases"].items():
            yield name, invalid(**shared | (words if isinstance(words, dict) else {"value": words}))


_SECRET: dict[str, Any] = {"fix": "<secret>"}
_WEAK: dict[str, Any] = {**_SECRET, "what": "is a weak secret", "stack": "prod"}
_NO_PRIVATE_KEY: dict[str, Any] = {**_SECRET, "what": "is no private key", "expected": "a PEM block of a private key"}
_BLANKS: dict[str, Any] = {
    **_SECRET,
    "what": "has a blank or a line end around it, or a control character in it",
    "expected": "the password and nothing else",
}
_URL = "an absolute URL such as https://name.example.com in lower case, without credentials, query or slash at its end"
_IMAGE: dict[str, Any] = {
    "where": "images.loki",
    "expected": "name:tag@sha256:<64 lower-case hex digits>",
    "fix": "<pinned>",
}
_LOKI_KEYS = "replicas, cpu, memory, volume, retention, objectStorage"
_LOKI_MAPPING: dict[str, Any] = {"where": "loki", "expected": f"a mapping with {_LOKI_KEYS}", "fix": "<remove>"}


def _foreign(key: str, rest: str) -> InvalidConfig:
    project = key.partition(":")[0]
    says = f"{key}: is of {project}, which this program does not ask, {rest}"
    return InvalidConfig(configuration(foreign=frozenset({key})), says, f"config rm {key}")


_MADE = {
    "no image of a service": invalid(
        "images.api",
        what="is missing beside platform.enabled",
        set={
            "platform": {"imageTemplate": None},
            "images": {name: "atlas/any:1" for name in SERVICES if name != "api"},
        },
        expected="the image that you built, as name:tag or name:tag@sha256:<64 hex digits>",
        fix="<ask>",
    ),
    "a key as long as a file": invalid(
        f'loki["{"k" * 64}\\u2026"]',
        what="is not a setting",
        set={"loki": {"k" * 5000: 1}},
        expected=f"one of {_LOKI_KEYS}",
        command="remove it from Pulumi.dev.yaml",
    ),
    "a key of another project": _foreign("trading:grafanaAdminPassword", "did you mean atlas:grafanaAdminPassword?"),
    "a key of a provider": _foreign("kubernetes:context", "expected keys that begin with atlas:"),
    "a password of one letter": invalid(
        "postgresPassword", value="z" * 40, expected="at least 16 characters besides the usual defaults", **_WEAK
    ),
    "a session secret under 32 characters": invalid(
        "nextauthSecret",
        value=secrets.token_hex(12),
        expected="at least 32 characters besides the usual defaults",
        **_WEAK,
    ),
    "one password for two services": invalid(
        "rabbitmqPassword",
        what="is the same as postgresPassword",
        stack="prod",
        secret=dict.fromkeys(("postgresPassword", "rabbitmqPassword"), password()),
        expected="a password of its own for each service",
        **_SECRET,
    ),
    "a password with a carriage return": invalid("grafanaAdminPassword", value=password() + "\r", **_BLANKS),
    "a password with a control character": invalid(
        "grafanaAdminPassword", value=password() + "\x07" + password(), **_BLANKS
    ),
    "a public key as private key": invalid(
        "coinbaseApiSecret", value="-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", **_NO_PRIVATE_KEY
    ),
    "a private key cut off": invalid("coinbaseApiSecret", value=f"-----BEGIN EC {PEM}\nAAAA", **_NO_PRIVATE_KEY),
    "a registry's credentials nested without end": invalid(
        "registryDockerConfig",
        what="is no Docker configuration",
        value="[" * 100_000,
        expected='JSON with "auths", as docker login writes it',
        **_SECRET,
    ),
    "a secret as large as a file": invalid(
        "grafanaAdminPassword",
        what="is too large",
        value=password() * 10_000,
        expected="at most 256 KiB",
        **_SECRET,
    ),
    "a short digest": invalid(value="grafana/loki:3@sha256:" + "0" * 63, **_IMAGE),
    "a digest in capitals": invalid(value="grafana/loki:3@sha256:" + "A" * 64, **_IMAGE),
    "a pinned version with another digest": invalid(
        "images.loki",
        what="has another digest than the same version in images/upstream.yaml",
        value=f"{LOKI}@{DIGEST}",
        expected="<pinned>",
        fix="<pinned>",
    ),
    "a number beyond all machines": invalid(
        "collector.replicas",
        value=10**400,
        found="a number of 401 digits",
        expected="a whole number from 1 to 50",
        fix=1,
    ),
    "a number of a thousand digits": invalid(
        "loki.volume",
        value="9" * 1000 + "Ti",
        found="a text of 1002 characters",
        expected="a whole number with Ki, Mi, Gi or Ti, such as 512Mi",
        fix="10Gi",
    ),
    "a URL as long as a file": invalid(
        "logs.otlpEndpoint",
        value="https://logs.example.com/" + "a" * 3000,
        found="a text of 3025 characters",
        expected=_URL,
        fix="https://name.example.com",
    ),
    "a file where a URL goes": invalid(
        "grafana.url",
        value="https://grafana.example.com\nx" * 1000,
        found="a text of 29000 characters",
        expected=_URL,
        fix="https://grafana.example.com",
    ),
    "pages from development": invalid(
        "pagerdutyRoutingKey",
        what="would page people for dev",
        value="0" * 32,
        expected="it in production alone",
        fix="<remove>",
    ),
    "a token of no address": invalid(
        "tracesToken",
        what="has no address that it is for",
        value=secrets.token_hex(16),
        expected="traces.endpoint beside it",
        fix="<remove>",
    ),
    "one of two keys": invalid(
        "objectStorageSecretKey",
        what="is missing beside objectStorageAccessKey",
        stack="prod",
        secret={"objectStorageAccessKey": secrets.token_hex(16)},
        expected="both keys of the store, or neither",
        **_SECRET,
    ),
    "keys of no store": invalid(
        "objectStorageSecretKey",
        what="has no address that it is for",
        value=secrets.token_hex(16),
        expected="loki.objectStorage beside it",
        fix="<remove>",
    ),
    "real orders from development": invalid(
        "platform.live",
        what="would send real orders from dev",
        value=True,
        secret={"coinbaseApiKey": "0" * 32, "coinbaseApiSecret": KEY_PAIR},
        expected="false: real orders are for production",
        fix=False,
    ),
    "real orders without the exchange's key": invalid(
        "coinbaseApiKey",
        what="is missing beside platform.live",
        stack="prod",
        set={"platform": {"live": True}},
        secret={"coinbaseApiSecret": KEY_PAIR},
        expected="the exchange's API key",
        **_SECRET,
    ),
    "a mapping nested without end": invalid(value="[" * 100_000, found="a list", **_LOKI_MAPPING),
    "a number of five thousand digits": invalid(value="1" * 5000, found="a text of 5000 characters", **_LOKI_MAPPING),
}

INVALID_CONFIGS = {**_MADE}
for _name, _case in _written():
    assert _name not in INVALID_CONFIGS, f"{_name} is there twice"
    INVALID_CONFIGS[_name] = _case
