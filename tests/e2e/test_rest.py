"""A stack at rest calls nobody: before anything was done to it, no alert fires, and none waits to."""

from live import Live, awaited

SETTLED = 150
"""Seconds after which rates are those of a stack at rest, and no longer of its start."""
EXPLAINED = {
    "Watchdog": "fires always",
    "AlertmanagerNotificationsFailing": "those who are told come a moment after the stack",
    "VolumeFilling": "volumes of the embedded node are this machine's disk, which others fill",
}
"""Alerts that a stack at rest may have, and why."""


def test_a_stack_at_rest_calls_nobody(stack: Live) -> None:
    age = 'time() - max(process_start_time_seconds{service="prometheus"})'
    awaited(lambda: stack.number(age) > SETTLED, SETTLED + 30, "the start to be over")
    assert stack.metrics('ALERTS{alertname="Watchdog", alertstate="firing"}')

    def restless() -> list[dict[str, str]]:
        return [labels for labels, _ in stack.metrics("ALERTS") if labels["alertname"] not in EXPLAINED]

    awaited(lambda: not restless(), 120, lambda: "\n".join(["the end of these alerts:", *map(str, restless())]))
