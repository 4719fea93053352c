"""The strict reader of configuration: what it accepts, and the one message that it refuses with."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from synthesis import ROOT, STACKS, stack_configuration

from components.configuration import Configuration, ConfigurationError, read_settings
from components.settings import SECRET_KEYS, Settings

DIGEST = "sha256:" + "0" * 64


def configuration(stack: str = "dev", secret: Mapping[str, str] | None = None, **changes: Any) -> Configuration:
    """The real stack file's configuration with top-level keys changed; a dict is merged, ``None`` removes the key."""
    values = {key.removeprefix("atlas:"): value for key, value in stack_configuration(stack).items()}
    for key, change in changes.items():
        if change is None:
            values.pop(key)
        elif isinstance(change, dict):
            merged = json.loads(values.get(key, "{}")) | change
            values[key] = json.dumps({name: value for name, value in merged.items() if value is not None})
        else:
            values[key] = change
    return Configuration(stack=stack, values=values | dict(secret or {}), secret=frozenset(secret or {}))


def refusal(of: Configuration) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(of)
    return str(caught.value)


@pytest.mark.parametrize("stack", STACKS)
def test_each_real_stack_file_is_accepted(stack: str) -> None:
    assert read_settings(configuration(stack)).environment == stack


def test_all_stack_files_have_the_same_keys() -> None:
    def keys(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {path}
        return {leaf for key, item in value.items() for leaf in keys(item, f"{path}/{key}")}

    first, *others = [keys(yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]) for stack in STACKS]
    assert all(other == first for other in others)


def test_only_five_values_are_required() -> None:
    message = refusal(Configuration(stack="dev", values={}))
    assert [line.split(": ")[1] for line in message.splitlines()[1:]] == [
        "environment",
        "cluster.context",
        "cluster.name",
        "cluster.apiServer",
        "grafana.url",
    ]


REFUSED: dict[str, tuple[Configuration, str]] = {
    "a misspelt key": (configuration(prometeus="{}"), "prometeus: is not a setting, expected did you mean prometheus?"),
    "a misspelt nested key": (
        configuration(loki={"retentoin": "7d"}),
        "loki.retentoin: is not a setting, expected did you mean retention?",
    ),
    "a key with another name's spelling": (
        configuration(cluster={"api_server": "10.0.0.1/32"}),
        "did you mean apiServer?",
    ),
    "an empty context": (configuration(cluster={"context": ""}), "cluster.context: is not valid"),
    "another stack's environment": (
        configuration(environment="prod"),
        "environment: differs from the stack's name, found prod",
    ),
    "an unknown environment": (configuration(environment="staging"), 'environment: is not valid, found "staging"'),
    "a number in quotes": (configuration(collector={"replicas": "2"}), 'collector.replicas: is not valid, found "2"'),
    "a fraction of a replica": (
        configuration(collector={"replicas": 2.5}),
        "collector.replicas: is not valid, found 2.5",
    ),
    "a negative number of replicas": (configuration(collector={"replicas": -1}), "expected greater than or equal to 1"),
    "no replica": (configuration(prometheus={"replicas": 0}), "prometheus.replicas: is not valid, found 0"),
    "a truth value as a number": (
        configuration(collector={"replicas": True}),
        "collector.replicas: is not valid, found true",
    ),
    "a thousand replicas": (configuration(collector={"replicas": 1000}), "expected less than or equal to 50"),
    "three Prometheus": (configuration(prometheus={"replicas": 3}), "expected less than or equal to 2"),
    "a word as a truth value": (
        configuration(cluster={"waitForReady": "yes"}),
        'cluster.waitForReady: is not valid, found "yes"',
    ),
    "memory in decimal units": (
        configuration(loki={"memory": "1G"}),
        'loki.memory: is not valid, found "1G", expected a whole number',
    ),
    "memory with a blank": (configuration(loki={"memory": "1 Gi"}), "loki.memory: is not valid"),
    "no storage": (configuration(loki={"volume": "0"}), "loki.volume: is not valid"),
    "too little memory": (
        configuration(prometheus={"memory": "64Mi"}),
        "is too small to start with, found 64Mi, expected at least 512Mi",
    ),
    "no unit of time": (
        configuration(prometheus={"retention": "15"}),
        'prometheus.retention: is not valid, found "15"',
    ),
    "a negative retention": (configuration(prometheus={"retention": "-1d"}), "prometheus.retention: is not valid"),
    "no retention": (configuration(prometheus={"retention": "0d"}), "prometheus.retention: is not valid"),
    "a fraction of a day": (configuration(prometheus={"retention": "1.5d"}), "prometheus.retention: is not valid"),
    "a retention in words": (configuration(prometheus={"retention": "7 days"}), "prometheus.retention: is not valid"),
    "a retention of centuries": (configuration(prometheus={"retention": "99999d"}), "expected at most 5 years"),
    "logs kept for less than an index": (
        configuration(loki={"retention": "12h"}),
        "is shorter than Loki's index period",
    ),
    "a share above all": (configuration(collector={"samplingPercentage": 101}), "expected less than or equal to 100"),
    "a share of nothing": (configuration(collector={"samplingPercentage": 0}), "expected greater than 0"),
    "a share that is no number": (
        configuration(collector={"samplingPercentage": float("nan")}),
        "collector.samplingPercentage: is not valid",
    ),
    "an address without a mask's zeros": (configuration(cluster={"apiServer": "10.0.0.1/24"}), "no host bits set"),
    "the whole internet": (configuration(cluster={"apiServer": "0.0.0.0/0"}), "not the whole internet"),
    "a port out of range": (configuration(cluster={"apiServerPort": 70000}), "expected less than or equal to 65535"),
    "a cluster name with capitals": (configuration(cluster={"name": "Dev_1"}), "expected a DNS label"),
    "a URL without a scheme": (configuration(grafana={"url": "grafana.example.com"}), "expected an absolute URL"),
    "a URL with a slash at its end": (
        configuration(grafana={"url": "https://grafana.example.com/"}),
        "no trailing slash",
    ),
    "a loss limit of nothing": (configuration(limits={"dailyMaxLoss": 0}), "limits.dailyMaxLoss: is not valid"),
    "an image by latest": (
        configuration(images={"loki": "grafana/loki:latest"}),
        "expected a version instead of latest",
    ),
    "an image without a version": (
        configuration(images={"loki": "grafana/loki"}),
        "expected a version instead of latest",
    ),
    "a short digest": (configuration(images={"loki": "grafana/loki:3@sha256:" + "0" * 63}), "64 lower-case hex digits"),
    "a digest in capitals": (
        configuration(images={"loki": "grafana/loki:3@sha256:" + "A" * 64}),
        "64 lower-case hex digits",
    ),
    "an image of nothing": (
        configuration(images={"lokki": f"grafana/loki:3@{DIGEST}"}),
        "images.lokki: is no image of this stack",
    ),
    "a mapping written as a word": (
        configuration(loki="big"),
        'loki: is not valid, found "big", expected a mapping with cpu, memory',
    ),
    "production by tag alone": (
        configuration("prod", images={"loki": "grafana/loki:3.7.6"}),
        "images.loki: has no digest",
    ),
    "production over http": (
        configuration("prod", grafana={"url": "http://grafana.example.com"}),
        "grafana.url: is not for production",
    ),
    "production on localhost": (
        configuration("prod", grafana={"url": "https://localhost"}),
        "grafana.url: is not for production",
    ),
    "production with one gateway": (
        configuration("prod", collector={"replicas": 1}),
        "cannot survive the loss of a node, found 1",
    ),
    "production with one Prometheus": (
        configuration("prod", prometheus={"replicas": 1}),
        "prometheus.replicas: cannot survive",
    ),
    "an encrypted ordinary setting": (
        configuration(secret={"loki": "{}"}),
        "loki: is stored as a secret but is an ordinary setting",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_key_and_the_mend(name: str) -> None:
    of, expected = REFUSED[name]
    message = refusal(of)
    assert expected in message
    assert "; fix: pulumi config " in message
    assert message.count("\n") == 1, "one wrong value is one problem"


def test_every_problem_is_in_one_message() -> None:
    message = refusal(configuration(loki={"memory": "1G"}, environment="prod", prometeus="x"))
    assert "has 3 problem(s)" in message


def test_a_secret_in_clear_is_refused_and_not_shown() -> None:
    planted = secrets.token_hex(16)
    message = refusal(configuration(grafanaAdminPassword=planted))
    assert "grafanaAdminPassword: is a secret stored in clear" in message
    assert "pulumi config set --secret atlas:grafanaAdminPassword" in message
    assert planted not in message


@pytest.mark.parametrize("weak", ["", "   ", "admin", "short", "changeme-changeme"])
def test_production_refuses_a_weak_password_and_does_not_show_it(weak: str) -> None:
    message = refusal(configuration("prod", secret={"grafanaAdminPassword": weak}))
    assert "grafanaAdminPassword: is" in message
    assert not weak.strip() or weak not in message


def test_credentials_in_a_url_are_not_shown() -> None:
    planted = secrets.token_hex(8)
    message = refusal(configuration(grafana={"url": f"https://me:{planted}@grafana.example.com"}))
    assert "without credentials" in message
    assert planted not in message


def test_a_number_may_be_given_where_a_fraction_is_allowed() -> None:
    assert read_settings(configuration(collector={"samplingPercentage": 5})).collector.sampling_percentage == 5.0


def test_no_secret_is_part_of_the_settings() -> None:
    assert not SECRET_KEYS.keys() & {field.alias for field in Settings.model_fields.values()}
