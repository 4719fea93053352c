"""Whatever a configuration holds, the reader answers with settings or with its one message, and never shows a secret."""

import json
import random
import re

import pulumi
import pytest

from settings.loader import Configuration, ConfigurationError, read_settings
from tests.support.synthesis import STACKS
from tests.unit.configurations import configuration
from tests.unit.mutations import decoded, random_configuration

ROUNDS = 400
LINE = re.compile(r"  \S+: .+: .+; fix: (pulumi (config|stack) .+|remove it from Pulumi\.\S+\.yaml)")


@pytest.mark.parametrize("seed", range(8))
def test_a_random_configuration_is_read_or_refused_and_no_secret_is_shown(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same configurations in each run
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(ROUNDS // 8):
        said.clear()
        token = f"{chance.getrandbits(128):032x}"
        of = random_configuration(chance, token)
        secrets_of = [of.values[key] for key in of.secret if len(of.values[key]) > 11]
        try:
            read_settings(of)
            outcomes["read"] += 1
        except ConfigurationError as refused:
            outcomes["refused"] += 1
            first, *lines = str(refused).split("\n")
            assert first == f"the configuration of stack {of.stack} has {len(lines)} problem(s):"
            assert [line for line in lines if not LINE.fullmatch(line)] == []
            assert len(set(lines)) == len(lines), "no problem is told twice"
            said += lines
        text = "\n".join(said)
        text.encode()
        assert token not in text
        assert [value for value in secrets_of if value in text] == []
    assert outcomes["refused"] > ROUNDS // 16
    assert outcomes["read"] > 0


@pytest.mark.parametrize("stack", STACKS)
def test_the_order_of_keys_means_nothing(stack: str) -> None:
    of = configuration(stack)
    turned = {
        key: json.dumps(dict(reversed(inner.items()))) if isinstance(inner := decoded(value), dict) else value
        for key, value in reversed(list(of.values.items()))
    }
    assert list(turned) != list(of.values)
    assert read_settings(Configuration(stack=stack, values=turned, secret=of.secret)) == read_settings(of)
