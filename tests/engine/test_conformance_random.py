"""The random stand-in, asked what the official plugin was asked: it must announce, do and keep the same."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine.recordings import FOLDER, announced, copy_of, making, recording, resource_of, together
from tests.support.workspace import Outcome, Workspace

RECORDED = recording("random")
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (the engine's mark of a secret)
CHANGES = [name for name in RECORDED["operations"] if name not in {"create", "unchanged"}]
AT_ONCE = 3


@dataclass(frozen=True)
class Deployed:
    """The recorded program, deployed, with what every change to it announced."""

    stack: Workspace
    previews: dict[tuple[str, ...], Outcome]
    resources: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def deployed(workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    stack = workspace(copy_of(FOLDER / "random", tmp_path_factory.mktemp("conformance") / "random"), stack="r")
    stack.up()
    resources = {resource_of(found["urn"]): found for found in stack.resources()}

    def ask(names: tuple[str, ...]) -> Outcome:
        return stack.run("preview", "--json", "--diff", environment=making(names))

    runs = [(), *[tuple(names) for names in together({name: RECORDED["operations"][name] for name in CHANGES})]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        previews = dict(zip(runs, pool.map(ask, runs), strict=True))
    yield Deployed(stack, previews, resources)
    stack.destroy()


def kind(value: Any, like: Any) -> Any:
    """A value as the recording writes it: strings and secrets by what they are, anything else as it is."""
    if isinstance(value, dict) and SECRET in value.values():
        return "secret"
    return "string" if like == "string" and isinstance(value, str) else value


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_announces_what_the_official_plugin_announced(deployed: Deployed, name: str) -> None:
    preview = next(preview for names, preview in deployed.previews.items() if name in names)
    resources = {step["resource"] for step in RECORDED["operations"][name]}
    steps = [step for step in announced(preview, ("detailedDiff", "replaceReasons")) if step["resource"] in resources]
    assert steps == RECORDED["operations"][name]


def test_no_change_announces_more_than_the_official_plugin_announced(deployed: Deployed) -> None:
    for names, preview in deployed.previews.items():
        recorded = {step["resource"] for name in names for step in RECORDED["operations"][name]}
        assert {step["resource"] for step in announced(preview, ())} == recorded


@pytest.mark.parametrize("resource", RECORDED["resources"])
def test_the_state_has_the_official_shape(deployed: Deployed, resource: str) -> None:
    wanted, found = RECORDED["resources"][resource], deployed.resources[resource]
    outputs = {key: value for key, value in wanted["outputs"].items() if not key.startswith("__")}
    assert {key: kind(value, outputs.get(key)) for key, value in found["outputs"].items()} == outputs
    assert (found.get("inputs") or {}) == wanted["inputs"]
    assert found.get("additionalSecretOutputs") == wanted["additionalSecretOutputs"]
    assert (found["id"] == "none") == (wanted["id"] == "none")


def test_what_is_made_has_the_wanted_form(deployed: Deployed) -> None:
    outputs = {
        resource.rpartition("::")[2]: found["outputs"]
        for resource, found in deployed.resources.items()
        if "outputs" in found
    }
    text = outputs["string"]["result"]
    assert len(text) == 8
    assert text.isalnum()
    assert len(bytes.fromhex(outputs["id"]["hex"])) == 4
    assert int(outputs["id"]["dec"]) == int(outputs["id"]["hex"], 16)
    assert outputs["uuid"]["result"][14] == "4"


def test_a_password_is_replaced_when_its_keeper_changes_and_only_then(deployed: Deployed) -> None:
    again = deployed.stack.up()
    assert not again.changes
    rotated = deployed.stack.up(environment=making(["password-keepers"]))
    assert rotated.changes == {"replace": 1}
    deployed.stack.up()


def test_a_refresh_changes_nothing(deployed: Deployed) -> None:
    before = {found["urn"]: found.get("outputs", {}).get("id") for found in deployed.stack.resources()}
    assert not deployed.stack.refresh().changes
    assert {found["urn"]: found.get("outputs", {}).get("id") for found in deployed.stack.resources()} == before


def test_wrong_inputs_are_refused_by_name(deployed: Deployed) -> None:
    program = deployed.stack.folder / "__main__.py"
    text = program.read_text()
    try:
        program.write_text(f'{text}\nrandom.RandomString("wrong", length=2, min_upper=3)\n')
        refused = deployed.stack.run("preview", check=False)
    finally:
        program.write_text(text)
    assert refused.rc != 0
    assert "length" in refused.output
    assert "must be at least the sum of minLower" in refused.output
