"""What the measured stacks are given beyond their files, as their users would give it."""

from typing import Any

from bench.environment import RequiredInputs
from tests.unit import given as made_up


def required_inputs(stack: str) -> RequiredInputs:
    """What the stack is refused without; values are made up, and nothing is pulled or connected to."""
    secrets = {key.partition(":")[2]: value for key, value in made_up.secret_settings(stack).items()}
    return RequiredInputs(settings={"images": made_up.images()} if stack == "prod" else {}, secrets=secrets)


def services_settings(count: int) -> dict[str, Any]:
    """The settings that add ``count`` services of one shape to the platform's own."""
    return {"trading": {"enabled": True, "services": {f"extra-{number}": {"replicas": 1} for number in range(count)}}}
