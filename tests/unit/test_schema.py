"""The JSON Schema that editors read: made from the settings, it takes what the reader takes and sees what is misshapen."""

import json
import random
from typing import Any

import pulumi
import pytest
import yaml

from settings.introspection import is_structure
from settings.json_schema import COMMAND, FILE, rendered
from settings.loader import Configuration, ConfigurationError, read_settings
from settings.model import Settings
from settings.secret_table import SECRETS
from tests.support.synthesis import ROOT, STACKS
from tests.unit.configurations import configuration
from tests.unit.invalid_configs import INVALID_CONFIGS
from tests.unit.json_schema import faults
from tests.unit.mutations import decoded, random_configuration
from tests.unit.test_settings import ACCEPTED

SCHEMA = json.loads(rendered())


def stack_file(of: Configuration) -> dict[str, Any]:
    """The stack file that says the same."""
    fields = {field.alias: field for field in Settings.model_fields.values()}
    config = {
        key: {"secure": "v1:0"} if key in of.secret else decoded(value) if structured(fields.get(key)) else value
        for key, value in of.values.items()
    }
    return {"config": {f"atlas:{key}": value for key, value in config.items()} | dict.fromkeys(of.foreign, "x")}


def structured(field: Any) -> bool:
    return field is not None and is_structure(field)


def test_the_committed_file_is_the_one_that_the_settings_make() -> None:
    assert FILE.read_text() == rendered(), f"the settings have changed: run {COMMAND}"


@pytest.mark.parametrize("stack", STACKS)
def test_each_real_stack_file_is_as_it_says_and_leads_editors_to_it(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    assert list(faults(SCHEMA, yaml.safe_load(text))) == []
    assert text.startswith(f"# yaml-language-server: $schema={FILE.name}\n")


def test_a_file_that_the_engine_has_written_to_is_taken() -> None:
    file = stack_file(configuration("prod"))
    assert {"secure": "v1:0"} in file["config"].values()
    file["config"]["pulumi:tags"] = {"team": "trading"}
    assert list(faults(SCHEMA, file | {"encryptionsalt": "v1:x", "environment": ["acme"]})) == []


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_reader_takes_is_taken(name: str) -> None:
    assert list(faults(SCHEMA, stack_file(ACCEPTED[name]))) == []


BROKEN = [
    name
    for name, case in INVALID_CONFIGS.items()
    if any(f": {wrong}" in case.says for wrong in ("is not valid", "is not a setting", "is empty", "is missing, "))
    or "is of kubernetes" in case.says
    or "is a secret stored" in case.says
    or "is no image" in case.says
    or "is no service" in case.says
]
UNSEEN = {
    "an empty secret",
    "a secret of blanks",
    "an image by latest",
    "a base by latest",
    "an image without a version",
    "a registry that is an organisation",
    "a registry with a port out of range",
    "a retention of centuries",
    "storage for a whole data centre",
    "a thousand cores",
    "a URL with a port out of range",
    "a URL of a broken address",
    "a URL of five numbers",
    "a backtest on a day that there is not",
    "a limit that is no number",
    "Kubernetes' own namespace",
    "a namespace that only looks like Kubernetes'",
    "an address without a mask's zeros",
    "a network in another spelling",
    "the whole internet",
    "half of the internet",
    "the whole internet in its new numbers",
    "the cloud's metadata",
    "a schedule at minute 60",
    "a schedule on the eighth day",
}
"""What has the right shape and is wrong by its meaning, or is encrypted."""


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_misspelt_or_misshapen_is_seen(name: str) -> None:
    assert bool(list(faults(SCHEMA, stack_file(INVALID_CONFIGS[name].configuration)))) == (name not in UNSEEN)


def test_every_secret_is_a_key_that_takes_no_clear_text() -> None:
    file = stack_file(configuration())
    for key in SECRETS:
        file["config"] = {**file["config"], f"atlas:{key}": {"secure": "v1:0"}}
        assert list(faults(SCHEMA, file)) == []
        assert list(faults(SCHEMA, {"config": file["config"] | {f"atlas:{key}": "clear"}}))


def test_every_setting_tells_editors_what_it_is() -> None:
    models = {name: model for name, model in SCHEMA["definitions"].items() if name != "secret"}

    def silent(schema: dict[str, Any], path: str) -> list[str]:
        found = [path] if not {"description", "$ref", "enum", "const"} & schema.keys() and "type" in schema else []
        found = [] if schema.get("type") in ("object", "boolean") or "anyOf" in schema else found
        for key, child in schema.get("properties", {}).items():
            found += silent(child, f"{path}.{key}")
        return found

    assert [each for name, model in models.items() for each in silent(model, name)] == []


def test_a_random_configuration_that_is_read_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.log, "warn", lambda _: None)
    chance, read = random.Random(4), 0  # noqa: S311 - the same configurations in each run
    for _ in range(300):
        of = random_configuration(chance, f"{chance.getrandbits(128):032x}")
        try:
            read_settings(of)
        except ConfigurationError:
            continue
        read += 1
        assert list(faults(SCHEMA, stack_file(of))) == []
    assert read > 20
