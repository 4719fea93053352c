"""Personal data in telemetry: one setting, and the gateway and every node agent are told."""

import json

import pytest

from tests.support.synthesis import Program, synthesise

WORKLOADS = ("node-agent", "otel-collector")


def told(program: Program) -> dict[str, str | None]:
    """The variable by workload."""
    pods = {each.name: pod["containers"][0]["env"] for each, pod in program.pods() if each.name in WORKLOADS}
    return {
        name: next((each.get("value") for each in env if each["name"] == "MASK_PERSONAL_DATA"), None)
        for name, env in pods.items()
    }


@pytest.mark.parametrize(("stack", "masked"), [("local", "false"), ("dev", "false"), ("prod", "true")])
def test_it_is_masked_in_production_and_kept_elsewhere(stack: str, masked: str) -> None:
    assert told(synthesise(stack)) == dict.fromkeys(WORKLOADS, masked)


@pytest.mark.parametrize(("stack", "chosen", "masked"), [("dev", "masked", "true"), ("prod", "kept", "false")])
def test_a_stack_may_choose(stack: str, chosen: str, masked: str) -> None:
    collector = {"personalData": chosen} | ({"replicas": 3} if stack == "prod" else {})
    assert told(synthesise(stack, {"atlas:collector": json.dumps(collector)})) == dict.fromkeys(WORKLOADS, masked)
