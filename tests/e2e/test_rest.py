"""A stack at rest calls nobody: before anything was done to it, no alert fires, and none waits to."""

from tests.e2e.expected_alerts import expected_alerts
from tests.e2e.running_stack import RunningStack, awaited

SETTLED = 150
"""Seconds after which rates are those of a stack at rest, and no longer of its start."""
LONGEST_LOOK_BACK = 330
"""Seconds until the start is out of sight of the rules that look back five minutes."""


def test_a_stack_at_rest_calls_nobody(stack: RunningStack) -> None:
    age = 'time() - max(process_start_time_seconds{service="prometheus"})'
    awaited(lambda: stack.number(age) > SETTLED, SETTLED + 30, "the start to be over")
    assert stack.metrics('ALERTS{alertname="Watchdog", alertstate="firing"}')

    def restless() -> list[dict[str, str]]:
        reasons = expected_alerts(stack)
        return [labels for labels, _ in stack.metrics("ALERTS") if labels["alertname"] not in reasons]

    awaited(
        lambda: not restless(),
        LONGEST_LOOK_BACK,
        lambda: "\n".join(["the end of these alerts:", *map(str, restless())]),
    )
