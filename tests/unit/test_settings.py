"""The strict reader of configuration: what it accepts, and the one message that it refuses with."""

import json
import re
import runpy
import secrets
from typing import Any

import pulumi
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from settings.consistency import MAX_RULE_WINDOW
from settings.introspection import describe, every_path, example, field_at, is_structure, whole_type
from settings.loader import Configuration, ConfigurationError, read_settings
from settings.model import PRODUCTION, Cluster, Grafana, Settings
from settings.secret_table import RECEIVERS, SECRETS
from settings.units import to_hours
from tests.support.synthesis import ENVIRONMENTS, ROOT, STACKS, declare, stack_configuration
from tests.unit.configurations import configuration, password
from tests.unit.fix_commands import after, asks
from tests.unit.invalid_configs import INVALID_CONFIGS

ONLY_IN = {
    "agent.cpu": {"local"},
    "collector.cpu": {"local"},
    "ingress": {"dev", "prod"},
    "jaeger.cpu": {"local"},
    "images": {"local", "dev"},
    "jaeger": {"local", "dev"},
    "loki.cpu": {"local"},
    "loki.objectStorage": {"prod"},
    "prometheus.cpu": {"local"},
    "prometheus.remoteWrite": {"prod"},
    "traces": {"prod"},
    "victorialogs": {"local"},
    "platform.apiUrl": {"dev", "prod"},
    "platform.signIn": {"dev", "prod"},
    "platform.external": {"prod"},
    "platform.imageTemplate": {"local", "dev"},
    "platform.services.backtester.cpu": {"local"},
    "platform.services.ops-ui": {"prod"},
    "platform.services.workers.cpu": {"local"},
}
"""The keys that only some stack files have. All others are in each of them, with values of its own."""


def refusal(of: Configuration) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(of)
    return str(caught.value)


def problems(of: Configuration) -> list[str]:
    """The lines of a refusal without the stack's name, none where the configuration is accepted."""
    try:
        read_settings(of)
    except ConfigurationError as refused:
        first, *lines = str(refused).splitlines()
        assert first == f"the configuration of stack {of.stack} has {len(lines)} problem(s):"
        assert all(line.startswith(f"  {of.stack}: ") for line in lines)
        return [line.removeprefix(f"  {of.stack}: ") for line in lines]
    return []


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the program warned of."""
    received: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", received.append)
    return received


@pytest.mark.parametrize("stack", STACKS)
def test_each_real_stack_file_is_accepted_without_a_doubt(stack: str, warnings: list[str]) -> None:
    assert read_settings(configuration(stack)).environment == stack.partition("-")[0]
    assert warnings == []


def leaves(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {path}
    return {leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}" if path else key)}


def undeclared(files: dict[str, set[str]]) -> list[str]:
    """The keys that not all files have and ``ONLY_IN`` does not declare, and what it declares and is not so."""
    found: list[str] = []
    seen: set[str] = set()
    for key in sorted(set.union(*files.values())):
        having = {stack for stack, keys in files.items() if key in keys}
        declared = next((prefix for prefix in ONLY_IN if key == prefix or key.startswith(f"{prefix}.")), None)
        seen |= {declared} if declared else set()
        if having != (ONLY_IN[declared] if declared else files.keys()):
            found.append(key)
    return found + sorted(ONLY_IN.keys() - seen)


def stack_keys() -> dict[str, set[str]]:
    files = {stack: yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"] for stack in ENVIRONMENTS}
    return {stack: {key.removeprefix("atlas:") for key in leaves(config)} for stack, config in files.items()}


def test_stack_files_have_the_same_keys_but_for_a_declared_list() -> None:
    assert undeclared(stack_keys()) == []


def test_an_undeclared_difference_and_a_declared_one_that_is_gone_are_seen() -> None:
    files = stack_keys()
    assert undeclared(files | {"dev": files["dev"] | {"collector.colour"}}) == ["collector.colour"]
    assert undeclared(files | {"dev": files["dev"] - {"collector.memory"}}) == ["collector.memory"]
    gone = {stack: {key for key in keys if key != "prometheus.remoteWrite"} for stack, keys in files.items()}
    assert undeclared(gone) == ["prometheus.remoteWrite"]


LIMITS = ("dailyMaxLoss", "maxExposure", "maxOpenOrders", "maxOrderNotional", "maxOrdersPerMinute")


def test_four_values_are_required_and_in_production_limits_and_receivers_as_well() -> None:
    everywhere = ["cluster.context", "cluster.apiServer", "grafana.url", "images.otel-collector"]
    for stack in ("local", "dev", "dev-acme"):
        assert [line.split(": ")[0] for line in problems(Configuration(stack=stack, values={}))] == everywhere
    asked = problems(Configuration(stack="prod", values={}))
    limits = [f"limits.{each}" for each in LIMITS]
    assert [line.split(": ")[0] for line in asked] == [*everywhere, *limits, "alertWebhookUrl", "deadMansSwitchUrl"]


def test_no_limit_has_a_silent_default_in_production() -> None:
    found = problems(configuration("prod", limits={"maxOpenOrders": None}))
    expected = "a limit of your own (open orders at the same time): no default is right for real money"
    fix = "pulumi config set --path atlas:limits.maxOpenOrders --stack prod"
    assert found == [f"limits.maxOpenOrders: is missing in production, expected {expected}; fix: {fix}"]
    assert problems(configuration("dev", limits={"maxOpenOrders": None})) == []


def test_what_is_required_is_enough_and_production_has_its_own_shape(warnings: list[str]) -> None:
    limits = json.dumps(dict.fromkeys(LIMITS, 10))
    values = {"cluster": '{"context": "eks-1", "apiServer": "10.0.0.1/32"}', "grafana": '{"url": "https://g.acme.com"}'}
    values["images"] = '{"otel-collector": "registry.acme.com/otel-collector:1"}'
    given = {"alertWebhookUrl": "https://a.acme.com/x", "deadMansSwitchUrl": "https://b.acme.com/x"}
    prod = Configuration(stack="prod-eu", values=values | given | {"limits": limits}, secret=frozenset(given))
    settings = read_settings(prod)
    assert settings.environment == "prod"
    for part, shape in PRODUCTION.items():
        assert {key: getattr(getattr(settings, part), key) for key in shape} == shape
    assert [line.split(": ")[1] for line in warnings] == ["loki.replicas"]
    dev = read_settings(Configuration(stack="dev", values=values))
    assert (dev.collector.replicas, dev.prometheus.replicas, dev.alertmanager.replicas) == (1, 1, 1)


def test_production_may_size_a_part_and_keep_its_number() -> None:
    settings = read_settings(configuration("prod", collector={"replicas": None, "memory": "4Gi"}))
    assert (settings.collector.replicas, settings.collector.memory) == (3, "4Gi")


@pytest.mark.parametrize("name", INVALID_CONFIGS)
def test_an_invalid_config_is_refused_with_its_key_and_the_fix(name: str) -> None:
    of, says, fix = INVALID_CONFIGS[name]
    command = fix if fix.startswith("remove it from ") else f"pulumi {fix} --stack {of.stack}"
    assert problems(of) == [f"{says}; fix: {command}"]


FIXABLE = [
    name for name, case in INVALID_CONFIGS.items() if not asks(case.fix) and not case.fix.startswith("remove it")
]
NEEDS_MORE = {"a secret inside a setting"}
"""What its fix takes away is required, and asked for next."""


@pytest.mark.parametrize("name", FIXABLE)
def test_the_fix_leaves_nothing_to_fix(name: str) -> None:
    of, says, fix = INVALID_CONFIGS[name]
    left = problems(after(fix, of))
    assert says not in "".join(left)
    assert bool(left) == (name in NEEDS_MORE)


def test_every_fix_that_asks_at_its_prompt_is_for_what_only_the_owner_knows() -> None:
    asked = {case.fix.rpartition(" ")[2].removeprefix("atlas:") for case in INVALID_CONFIGS.values() if asks(case.fix)}
    assert asked - SECRETS.keys() == {"cluster.context", "images.api", "images.otel-collector"}


def test_production_names_each_data_service_that_it_has_not() -> None:
    of = configuration("prod", platform={"external": None})
    missing = [f"platform.external.{key}" for key in ("network", "postgres", "redis", "rabbitmq")]
    assert [line.partition(": ")[0] for line in problems(of)] == missing
    assert all("is missing in production" in line for line in problems(of))


def test_every_problem_is_in_one_message() -> None:
    of = configuration(
        "prod",
        named="prod-eu",
        environment="dev",
        prometeus="x",
        loki={"memory": "1G", "volume": "10GB"},
        collector={"replicas": 1},
        secret={"alertWebhookUrl": None, "grafanaAdminPassword": "admin", "postgresPassword": ""},
    )
    assert [line.partition(": ")[0] for line in problems(of)] == [
        "prometeus",
        "environment",
        "loki.memory",
        "loki.volume",
        "collector.replicas",
        "alertWebhookUrl",
        "postgresPassword",
        "grafanaAdminPassword",
    ]


def run_and_catch(stack: str, changes: dict[str, str]) -> tuple[str, int]:
    """The whole program's refusal, and how many resources it had declared by then."""
    caught: list[str] = []

    def program() -> None:
        try:
            runpy.run_path(str(ROOT / "__main__.py"))
        except ConfigurationError as refused:
            caught.append(str(refused))

    recorded = declare(program, stack, stack_configuration(stack) | changes)
    return "".join(caught), len(recorded.resources)


def test_the_program_refuses_before_any_resource_exists() -> None:
    changes = {"atlas:loki": "big", "atlas:prometeus": "1", "trading:loki": "1", "pulumi:tags": "{}"}
    message, resources = run_and_catch("local", changes)
    assert "has 3 problem(s)" in message
    assert [key for key in ("loki", "prometeus", "trading:loki") if f"local: {key}: " not in message] == []
    assert resources == 0


def test_the_engines_own_keys_are_left_alone_and_secrets_are_known_from_it() -> None:
    seen: list[Configuration] = []
    declare(
        lambda: seen.append(Configuration.of_this_run()),
        "dev-acme",
        {"atlas:loki": "{}", "atlas:tracesToken": "t", "pulumi:tags": "{}", "kubernetes:context": "c"},
        ["atlas:tracesToken"],
    )
    assert seen == [
        Configuration(
            stack="dev-acme",
            values={"loki": "{}", "tracesToken": "t"},
            secret=frozenset({"tracesToken"}),
            foreign=frozenset({"kubernetes:context"}),
        )
    ]


def test_no_value_of_a_secret_is_shown_wherever_it_was_put(warnings: list[str]) -> None:
    planted = secrets.token_hex(16)
    for key in SECRETS:
        for of in (
            configuration(also={key: planted}),
            configuration(also={key.upper(): planted}),
            configuration(grafana={key: planted}),
            configuration(secret={key: planted}),
            configuration("prod", secret={key: planted}),
            configuration("prod", secret={key: f"-----BEGIN {planted}"}),
            configuration(secret={key: planted}, cluster={"name": planted.upper()}, registry=planted),
        ):
            assert planted not in "".join(problems(of) + warnings)


def test_a_secret_that_is_also_in_a_plain_setting_is_not_shown() -> None:
    planted = "correct horse battery"
    (line,) = problems(configuration(cluster={"name": f"my {planted}"}, secret={"grafanaAdminPassword": planted}))
    assert "cluster.name: is not valid, found <hidden>, expected a DNS label" in line


@pytest.mark.parametrize(
    "url",
    [
        "https://me:{}@grafana.example.com",
        "https://{}@grafana.example.com",
        "https://me:a/{}@grafana.example.com",
        "https://me:a#{}@grafana.example.com",
        "https://grafana.example.com/?token={}",
        "https://grafana.example.com/services/{}/",
        "me:{}@grafana.example.com",
        "-----BEGIN {}",
    ],
)
def test_credentials_in_an_address_are_not_shown(url: str) -> None:
    planted = secrets.token_hex(8)
    for changes in (
        {"grafana": {"url": url.format(planted)}},
        {"registry": url.format(planted)},
        {"images": {"loki": url.format(planted)}},
    ):
        (line,) = problems(configuration(also=changes))
        assert "is not valid, found" in line
        assert planted not in line


@pytest.mark.parametrize(
    "kind",
    ["admin", "z" * 40, "changeme-changeme", secrets.token_hex(6)],
    ids=["known", "one letter", "unchanged", "short"],
)
def test_a_weak_password_is_a_warning_outside_production(kind: str, warnings: list[str]) -> None:
    read_settings(configuration(secret={"grafanaAdminPassword": kind}))
    (warning,) = warnings
    assert warning.startswith("dev: grafanaAdminPassword: is a weak secret, expected at least 16 characters")
    assert kind not in warning


def test_a_long_password_that_happens_to_hold_a_word_is_taken(warnings: list[str]) -> None:
    read_settings(configuration("prod", secret={"grafanaAdminPassword": f"{password()}todo{password()}"}))
    assert warnings == []


DOUBTED: dict[str, tuple[Configuration, str]] = {
    "one Loki in production": (
        configuration("prod", loki={"replicas": 1}),
        "loki.replicas: leaves one copy of the logs on one volume, found 1",
    ),
    "VictoriaLogs in production": (
        configuration(
            "prod",
            loki={"replicas": 1, "objectStorage": None},
            logs={"backend": "victorialogs"},
            images={"grafana": "registry.example.com/grafana@sha256:" + "0a" * 32},
        ),
        'logs.backend: leaves one copy of the logs on one volume, found "victorialogs"',
    ),
    "no waiting in production": (
        configuration("prod", cluster={"waitForReady": False}),
        "cluster.waitForReady: lets an update succeed whose pods never start, found false",
    ),
    "Grafana without the plugin that asks VictoriaLogs": (
        configuration(logs={"backend": "victorialogs"}),
        "images.grafana: shows no logs of VictoriaLogs as it is pinned",
    ),
    "debug in production": (
        configuration("prod", platform={"logLevel": "debug"}),
        'platform.logLevel: may write what customers do into the logs, found "debug"',
    ),
    "receivers beside an operator": (
        configuration(
            prometheus={"operator": True, "url": "http://prometheus:9090"},
            secret={"slackWebhookUrl": "https://hooks.example.com/x"},
        ),
        "slackWebhookUrl: has no effect beside prometheus.operator",
    ),
    "the exchange's key without the platform": (
        configuration(
            platform={"enabled": False}, secret={"coinbaseApiKey": secrets.token_hex(16), "opsUiPasswordHash": None}
        ),
        "coinbaseApiKey: has no service that it is for",
    ),
}


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_likely_not_meant_is_a_warning(name: str, warnings: list[str]) -> None:
    of, expected_warning = DOUBTED[name]
    read_settings(of)
    (warning,) = warnings
    assert warning.startswith(f"{of.stack}: {expected_warning}")
    assert "; fix: pulumi config " in warning


ACCEPTED: dict[str, Configuration] = {
    "a whole number where a fraction is allowed": configuration(collector={"samplingPercentage": 5}),
    "a fraction": configuration(limits={"dailyMaxLoss": 1000.5}),
    "nothing where nothing is the default": configuration(prometheus={"url": None}, traces='{"endpoint": null}'),
    "a second stack of an environment": configuration("prod", named="prod-eu"),
    "an environment that goes without saying": configuration(environment=None),
    "an ARN as context": configuration(cluster={"context": "arn:aws:eks:eu-central-1:1:cluster/trading"}),
    "a production's context in production": configuration("prod", cluster={"context": "gke_acme_prod-1"}),
    "a context of before production in development": configuration(cluster={"context": "pre-prod"}),
    "a context that only sounds like another": configuration("prod", cluster={"context": "kindred-devices"}),
    "a controller in Kubernetes' own namespace": configuration(ingress={"namespace": "kube-system"}),
    "an address of the sixth version": configuration(cluster={"apiServer": "2001:db8::1/128"}),
    "a store at another port on a private network": configuration(
        cluster={"privateBackends": "10.9.0.0/16"}, traces={"endpoint": "http://10.9.0.4:4318"}
    ),
    "a private store behind a name": configuration(
        cluster={"privateBackends": "10.9.0.0/16"}, logs={"otlpEndpoint": "http://logs.internal:4318/otlp"}
    ),
    "a webhook on a private network": configuration(
        cluster={"privateBackends": "10.9.0.0/16"}, secret={"alertWebhookUrl": "https://10.9.0.4:8443/x"}
    ),
    "a receiver without TLS for one machine": configuration(
        "local", secret={"alertWebhookUrl": "http://people:8080/x"}
    ),
    "data services by address": configuration("prod", platform={"external": {"postgres": "10.1.0.7"}}),
    "a path at a Grafana elsewhere": configuration(
        "dev", ingress=None, grafana={"existing": True, "url": "https://example.com/grafana"}
    ),
    "a mirror with a port": configuration(registry="localhost:5000/mirror"),
    "a newer version of a pinned image": configuration("prod", images={"loki": "grafana/loki:9@sha256:" + "0a" * 32}),
    "the pinned image from a mirror": configuration(
        images={"loki": "m.example.com/grafana/loki:3@sha256:" + "0a" * 32}
    ),
    "images that are built and pushed": configuration(
        build={"enabled": True, "repository": "registry.example.com/trading"}, images=None
    ),
    "images that are built and stay": configuration(
        "local",
        build={"enabled": True, "only": ["api", "otel-collector"]},
        platform={"source": "../platform"},
        images=None,
    ),
    "a schedule by name": configuration(platform={"backtestSchedule": "@daily"}),
    "a schedule on weekdays": configuration(platform={"backtestSchedule": "*/15 8-18 1,15 JAN-jun Mon-fri/2"}),
    "an operator in production without receivers": configuration(
        "prod",
        prometheus={"operator": True, "url": "http://prometheus:9090", "remoteWrite": None},
        secret=dict.fromkeys((*RECEIVERS, "deadMansSwitchUrl")),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    assert problems(ACCEPTED[name]) == []


def test_no_secret_is_part_of_the_settings() -> None:
    assert not SECRETS.keys() & {field.alias for field in Settings.model_fields.values()}


def test_every_default_and_every_example_is_one_that_would_be_accepted() -> None:
    whole = Settings(
        cluster=Cluster(context="c", apiServer="10.0.0.1/32"),  # pyright: ignore[reportCallIssue]
        grafana=Grafana(url="https://g.example.com"),
    )
    assert Settings.model_validate(whole.model_dump(by_alias=True)) == whole
    checked = 0
    for path in every_path():
        field = field_at(tuple(str(step) for step in path))
        assert field is not None
        shown = example(field)
        if not is_structure(field):
            assert shown is not None, f"{path} has no example"
            TypeAdapter(whole_type(field)).validate_python(shown)
            checked += 1
            with pytest.raises(ValidationError):
                TypeAdapter(whole_type(field)).validate_python(["no", "setting", "is", "this"])
        assert describe(field)
    assert checked > 60


def test_the_longest_window_of_a_rule_is_the_one_that_retention_is_held_to() -> None:
    texts = "".join(file.read_text() for file in (ROOT / "rules").glob("*.yaml"))
    windows = re.findall(r"\[(\d+)([smhdw])", texts) + re.findall(r"offset (\d+)([smhdw])", texts)
    hours = {"s": 1 / 3600, "m": 1 / 60, "h": 1, "d": 24, "w": 168}
    assert max(int(count) * hours[unit] for count, unit in windows) == to_hours(MAX_RULE_WINDOW)


@pytest.mark.parametrize(
    ("changes", "key", "new"),
    [
        ({"trading": {"enabled": False}}, "trading", "platform"),
        ({"paused": ["grafana"]}, "paused", "scaledToZero"),
        ({"logs": {"copyTo": "https://logs.example.com"}}, "logs.copyTo", "logs.otlpEndpoint"),
        ({"cluster": {"stores": "10.9.0.0/16"}}, "cluster.stores", "cluster.privateBackends"),
    ],
)
def test_a_key_of_an_earlier_version_is_refused_with_its_new_name(changes: dict[str, Any], key: str, new: str) -> None:
    told = f"{key}: has a new name, expected {new}; fix: rename it to {new} in Pulumi.dev.yaml"
    assert told in problems(configuration(**changes))
