"""A configuration is run once a process. That must be the same as running it for every test."""

from collections.abc import Mapping

from tests.support.required_inputs import secret_settings
from tests.support.synthesis import Program, Resource, run_program, stack_configuration, synthesise


def by_name(program: Program) -> Mapping[tuple[str, str], Resource]:
    """The resources without their order, which is the engine's."""
    return {(each.type, each.name): each for each in program.resources}


def test_a_program_that_has_run_before_declares_the_same_again() -> None:
    secrets = secret_settings("prod")
    before = synthesise("prod")
    again = run_program("prod", stack_configuration("prod") | dict(secrets), list(secrets))
    assert by_name(again) == by_name(before)
    assert again.exports == before.exports


def test_what_a_test_changes_no_other_test_sees() -> None:
    synthesise("local").one("Service", "grafana").inputs["spec"]["ports"].clear()
    assert synthesise("local").one("Service", "grafana").inputs["spec"]["ports"]


def test_another_value_is_another_run() -> None:
    rotated = synthesise("local", {"atlas:rotation": "another"})
    assert by_name(rotated) != by_name(synthesise("local"))
    assert by_name(synthesise("local", secrets={"atlas:grafanaAdminPassword": "x" * 20})) != by_name(
        synthesise("local")
    )
