"""The settings and secrets that a user adds to a stack file before the stack can be deployed."""

from typing import Any

from bench.environment import RequiredInputs
from tests.support import required_inputs as made_up


def required_inputs(stack: str) -> RequiredInputs:
    """The inputs without which the stack is refused. Values are invented; nothing is pulled or connected to."""
    secrets = {key.partition(":")[2]: value for key, value in made_up.secret_settings(stack).items()}
    return RequiredInputs(settings={"images": made_up.images()} if stack == "prod" else {}, secrets=secrets)


def services_settings(count: int) -> dict[str, Any]:
    """Settings that add ``count`` equal services to the platform's own."""
    return {"platform": {"enabled": True, "services": {f"extra-{number}": {"replicas": 1} for number in range(count)}}}
