"""Configurations with one thing wrong in each, the line that names it, and the command that mends it.

``refused.yaml`` has those that a stack file can show; here are those that hold a secret, or are too long to read.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from catalog.images import IMAGES
from settings.loader import Configuration
from tests.support import required_inputs
from tests.support.synthesis import stack_configuration

DIGEST = "sha256:" + "0a" * 32
LOKI = IMAGES["loki"].partition("@")[0]
# Assembled, so that no scanner takes it for one.
PEM = "PRIVATE KEY-----"
KEY_PAIR = f"-----BEGIN EC {PEM}\nAAAA\n-----END EC {PEM}"


def configuration(
    stack: str = "dev",
    *,
    named: str | None = None,
    secret: Mapping[str, str | None] | None = None,
    foreign: frozenset[str] = frozenset(),
    also: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Configuration:
    """The configuration of a real stack file with what it asks of its user, changed.

    A mapping is merged into the one that is there; ``None`` removes a key. ``named`` is another name of the stack,
    ``also`` are changes of keys that are only known at run time.
    """
    values = {key.removeprefix("atlas:"): value for key, value in stack_configuration(stack).items()}
    hidden = {key.removeprefix("atlas:"): value for key, value in required_inputs.secret_settings(stack).items()}
    for key, value in (secret or {}).items():
        hidden.pop(key, None)
        if value is not None:
            hidden[key] = value
    for key, change in (changes | dict(also or {})).items():
        if change is None:
            values.pop(key, None)
        elif isinstance(change, dict):
            values[key] = json.dumps(merged(json.loads(values.get(key, "{}")), change))
        else:
            values[key] = change if isinstance(change, str) else json.dumps(change)
    return Configuration(stack=named or stack, values=values | hidden, secret=frozenset(hidden), foreign=foreign)


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``old`` with the keys of ``new`` in it, mapping by mapping; ``None`` removes."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
    return {key: value for key, value in result.items() if value is not None}


def password() -> str:
    return secrets.token_hex(24)


class Refused(NamedTuple):
    """``says`` is ``<key>: <what is wrong>, found <value>, expected <what>``; ``mend`` stands between "pulumi" and "--stack"."""

    configuration: Configuration
    says: str
    mend: str


def _written() -> dict[str, Refused]:
    cases: dict[str, Refused] = {}
    for group in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text()).values():
        for case in group:
            says, mend = (case[text].replace("<pinned>", IMAGES["loki"]) for text in ("says", "mend"))
            of = configuration(
                case.get("stack", "dev"), named=case.get("named"), secret=case.get("secret"), also=case.get("set")
            )
            assert case["case"] not in cases, f"{case['case']} is there twice"
            cases[case["case"]] = Refused(of, says, mend)
    return cases


_MADE: dict[str, tuple[Configuration, str, str]] = {
    "a key as long as a file": (
        configuration(loki={"k" * 5000: 1}),
        (
            'loki["kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\\u2026"]: is not a setting, '
            "expected one of replicas, cpu, memory, volume, retention, objectStorage"
        ),
        "remove it from Pulumi.dev.yaml",
    ),
    "a key of another project": (
        configuration(foreign=frozenset({"trading:grafanaAdminPassword"})),
        (
            "trading:grafanaAdminPassword: is of trading, which this program does not ask, did you mean "
            "atlas:grafanaAdminPassword?"
        ),
        "config rm trading:grafanaAdminPassword",
    ),
    "a key of a provider": (
        configuration(foreign=frozenset({"kubernetes:context"})),
        ("kubernetes:context: is of kubernetes, which this program does not ask, expected keys that begin with atlas:"),
        "config rm kubernetes:context",
    ),
    "an encrypted ordinary setting": (
        configuration(loki=None, secret={"loki": "{}"}),
        (
            "loki: is stored as a secret but is an ordinary setting, expected a plain value, set again without "
            "--secret; secrets have keys of their own"
        ),
        "config rm atlas:loki",
    ),
    "a secret inside a setting": (
        configuration(cluster=None, secret={"cluster": '{"context": "a"}'}),
        (
            "cluster: is stored as a secret but is an ordinary setting, expected a plain value, set again without"
            " --secret; secrets have keys of their own"
        ),
        "config rm atlas:cluster",
    ),
    "a password of one letter": (
        configuration("prod", secret={"postgresPassword": "z" * 40}),
        "postgresPassword: is a weak secret, expected at least 16 characters besides the usual defaults",
        "config set --secret atlas:postgresPassword",
    ),
    "a session secret under 32 characters": (
        configuration("prod", secret={"nextauthSecret": secrets.token_hex(12)}),
        "nextauthSecret: is a weak secret, expected at least 32 characters besides the usual defaults",
        "config set --secret atlas:nextauthSecret",
    ),
    "one password for two services": (
        configuration("prod", secret=dict.fromkeys(("postgresPassword", "rabbitmqPassword"), password())),
        "rabbitmqPassword: is the same as postgresPassword, expected a password of its own for each service",
        "config set --secret atlas:rabbitmqPassword",
    ),
    "a password with a carriage return": (
        configuration(secret={"grafanaAdminPassword": password() + "\r"}),
        (
            "grafanaAdminPassword: has a blank or a line end around it, or a control character in it, expected "
            "the password and nothing else"
        ),
        "config set --secret atlas:grafanaAdminPassword",
    ),
    "a password with a control character": (
        configuration(secret={"grafanaAdminPassword": password() + "\x07" + password()}),
        (
            "grafanaAdminPassword: has a blank or a line end around it, or a control character in it, expected "
            "the password and nothing else"
        ),
        "config set --secret atlas:grafanaAdminPassword",
    ),
    "a public key as private key": (
        configuration(secret={"coinbaseApiSecret": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}),
        "coinbaseApiSecret: is no private key, expected a PEM block of a private key",
        "config set --secret atlas:coinbaseApiSecret",
    ),
    "a private key cut off": (
        configuration(secret={"coinbaseApiSecret": f"-----BEGIN EC {PEM}\nAAAA"}),
        "coinbaseApiSecret: is no private key, expected a PEM block of a private key",
        "config set --secret atlas:coinbaseApiSecret",
    ),
    "a registry's credentials nested without end": (
        configuration(secret={"registryDockerConfig": "[" * 100_000}),
        'registryDockerConfig: is no Docker configuration, expected JSON with "auths", as docker login writes it',
        "config set --secret atlas:registryDockerConfig",
    ),
    "a secret as large as a file": (
        configuration(secret={"grafanaAdminPassword": password() * 10_000}),
        "grafanaAdminPassword: is too large, expected at most 256 KiB",
        "config set --secret atlas:grafanaAdminPassword",
    ),
    "a short digest": (
        configuration(images={"loki": "grafana/loki:3@sha256:" + "0" * 63}),
        (
            "images.loki: is not valid, found "
            '"grafana/loki:3@sha256:000000000000000000000000000000000000000000000000000000000000000", expected '
            "name:tag@sha256:<64 lower-case hex digits>"
        ),
        "config set --path atlas:images.loki <pinned>",
    ),
    "a digest in capitals": (
        configuration(images={"loki": "grafana/loki:3@sha256:" + "A" * 64}),
        (
            "images.loki: is not valid, found "
            '"grafana/loki:3@sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", expected '
            "name:tag@sha256:<64 lower-case hex digits>"
        ),
        "config set --path atlas:images.loki <pinned>",
    ),
    "another kind of digest": (
        configuration(images={"loki": "grafana/loki:3@md5:" + "0" * 32}),
        "images.loki: is not valid, found <hidden>, expected name:tag@sha256:<64 lower-case hex digits>",
        "config set --path atlas:images.loki <pinned>",
    ),
    "an image of nothing": (
        configuration(images={"lokki": f"grafana/loki:3@{DIGEST}"}),
        (
            "images.lokki: is no image of this stack, found "
            '"grafana/loki:3@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", expected '
            "one of alertmanager, api, backtester, blackbox-exporter, cache, db, grafana, jaeger, kube-state-"
            "metrics, loki, ops-bot, ops-ui, otel-collector, postgres-exporter, prometheus, rabbitmq, redis-"
            "exporter, workers"
        ),
        "config rm --path atlas:images.lokki",
    ),
    "a pinned version with another digest": (
        configuration(images={"loki": f"{LOKI}@{DIGEST}"}),
        (
            "images.loki: has another digest than the same version in images/upstream.yaml, found "
            '"grafana/loki:3.7.6@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", '
            "expected <pinned>"
        ),
        "config set --path atlas:images.loki <pinned>",
    ),
    "a number beyond all machines": (
        configuration(collector={"replicas": 10**400}),
        "collector.replicas: is not valid, found a number of 401 digits, expected a whole number from 1 to 50",
        "config set --path atlas:collector.replicas 1",
    ),
    "a number of a thousand digits": (
        configuration(loki={"volume": "9" * 1000 + "Ti"}),
        (
            "loki.volume: is not valid, found a text of 1002 characters, expected a whole number with Ki, Mi, Gi "
            "or Ti, such as 512Mi"
        ),
        "config set --path atlas:loki.volume 10Gi",
    ),
    "a URL as long as a file": (
        configuration(logs={"otlpEndpoint": "https://logs.example.com/" + "a" * 3000}),
        (
            "logs.otlpEndpoint: is not valid, found a text of 3025 characters, expected an absolute URL such as "
            "https://name.example.com in lower case, without credentials, query or slash at its end"
        ),
        "config set --path atlas:logs.otlpEndpoint https://name.example.com",
    ),
    "a file where a URL goes": (
        configuration(grafana={"url": "https://grafana.example.com\nx" * 1000}),
        (
            "grafana.url: is not valid, found a text of 29000 characters, expected an absolute URL such as "
            "https://name.example.com in lower case, without credentials, query or slash at its end"
        ),
        "config set --path atlas:grafana.url https://grafana.example.com",
    ),
    "pages from development": (
        configuration(secret={"pagerdutyRoutingKey": "0" * 32}),
        "pagerdutyRoutingKey: would page people for dev, expected it in production alone",
        "config rm atlas:pagerdutyRoutingKey",
    ),
    "a token of no address": (
        configuration(secret={"tracesToken": secrets.token_hex(16)}),
        "tracesToken: has no address that it is for, expected traces.endpoint beside it",
        "config rm atlas:tracesToken",
    ),
    "one of two keys": (
        configuration("prod", secret={"objectStorageAccessKey": secrets.token_hex(16)}),
        (
            "objectStorageSecretKey: is missing beside objectStorageAccessKey, expected both keys of the store, "
            "or neither"
        ),
        "config set --secret atlas:objectStorageSecretKey",
    ),
    "keys of no store": (
        configuration(secret={"objectStorageSecretKey": secrets.token_hex(16)}),
        "objectStorageSecretKey: has no address that it is for, expected loki.objectStorage beside it",
        "config rm atlas:objectStorageSecretKey",
    ),
    "a namespace of 64 letters": (
        configuration(namespaces={"trading": "t" * 64}),
        (
            "namespaces.trading: is not valid, found "
            '"tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", expected a DNS label: at most 63'
            " lower-case letters, digits and hyphens, no hyphen at an end"
        ),
        "config set --path atlas:namespaces.trading trading",
    ),
    "a label of 64 letters": (
        configuration(prometheus={"labels": {"release": "r" * 64}}),
        (
            "prometheus.labels.release: is not valid, found "
            '"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", expected a label\'s value: at '
            "most 63 letters, digits, dots, hyphens and underscores"
        ),
        "config set --path atlas:prometheus.labels.release kube-prometheus-stack",
    ),
    "real orders from development": (
        configuration(platform={"live": True}, secret={"coinbaseApiKey": "0" * 32, "coinbaseApiSecret": KEY_PAIR}),
        ("platform.live: would send real orders from dev, found true, expected false: real orders are for production"),
        "config set --path atlas:platform.live false",
    ),
    "real orders without the exchange's key": (
        configuration("prod", platform={"live": True}, secret={"coinbaseApiSecret": KEY_PAIR}),
        "coinbaseApiKey: is missing beside platform.live, expected the exchange's API key",
        "config set --secret atlas:coinbaseApiKey",
    ),
    "a mapping nested without end": (
        configuration(loki="[" * 100_000),
        (
            "loki: is not valid, found a list, expected a mapping with replicas, cpu, memory, volume, retention, "
            "objectStorage"
        ),
        "config rm atlas:loki",
    ),
    "a number of five thousand digits": (
        configuration(loki="1" * 5000),
        (
            "loki: is not valid, found a text of 5000 characters, expected a mapping with replicas, cpu, memory, "
            "volume, retention, objectStorage"
        ),
        "config rm atlas:loki",
    ),
}

REFUSED = _written() | {
    name: Refused(of, says.replace("<pinned>", IMAGES["loki"]), mend.replace("<pinned>", IMAGES["loki"]))
    for name, (of, says, mend) in _MADE.items()
}
