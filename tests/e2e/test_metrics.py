"""The contract on the running stack: every series that a rule, a panel or a runbook may name is there, with its labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.log_stores import TITLES
from tests.e2e.running_stack import RunningStack, awaited
from tests.support.emitted_series import EMITTERS, own_series

SILENT = yaml.safe_load((Path(__file__).parent / "silent_series.yaml").read_text())


def series() -> Iterator[tuple[str, str, set[str]]]:
    """Emitter, series and labels of the table, but for the series that the running stack need not have."""
    for emitter, content in EMITTERS.items():
        yield from ((emitter, name, labels) for name, labels in own_series(content).items() if name not in SILENT)


def missing(stack: RunningStack, emitter: str) -> list[str]:
    """What the table says of an emitter and Prometheus has not seen in the last hour."""
    faults = list[str]()
    for owner, name, labels in series():
        if owner == emitter:
            answer = stack.ask("prometheus", "/api/v1/series", query={"match[]": name, "limit": "500"})
            found: list[dict[str, Any]] = answer.json["data"]
            seen = set[str]().union(*found)
            faults += [f"{name}{{{label}}}" for label in labels - seen] if found else [name]
    return faults


@pytest.mark.parametrize("emitter", dict.fromkeys(owner for owner, _, _ in series()))
def test_what_is_emitted_is_there(busy: RunningStack, emitter: str) -> None:
    if EMITTERS[emitter]["deployed_by"] in {*TITLES} - {busy.log_store.store}:
        pytest.skip(f"{TITLES[busy.log_store.store]} is deployed")
    awaited(lambda: not missing(busy, emitter), 60, lambda: f"{emitter} to emit {', '.join(missing(busy, emitter))}")


def test_what_is_declared_silent_is_in_the_table() -> None:
    names = {name for content in EMITTERS.values() for name in [*content["series"], *content.get("histograms", {})]}
    assert {name for name in SILENT if not any(name.startswith(each) for each in names)} == set()
    assert all(SILENT.values())


def test_every_rule_is_evaluated_without_failure(stack: RunningStack) -> None:
    groups = stack.ask("prometheus", "/api/v1/rules").json["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 80
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] == "err"] == []
