"""A stack at rest calls nobody: before anything was done to it, no alert fires, and none waits to."""

import shutil

from live import Live, awaited

SETTLED = 150
"""Seconds after which rates are those of a stack at rest, and no longer of its start."""
EXPLAINED = {
    "Watchdog": "fires always",
    "AlertmanagerNotificationsFailing": "those who are told come a moment after the stack",
}
"""Alerts that a stack at rest may have, and why."""
DISK = {"VolumeFilling": 0.7, "VolumeAlmostFull": 0.85, "NodeDiskHigh": 0.85}
"""Alerts of the embedded node's disk, with the share in use from which they are due: it is this machine's, which others fill."""
MOVES = 0.02
"""Of the disk, between Prometheus's sample and a look at it."""


def test_a_stack_at_rest_calls_nobody(stack: Live) -> None:
    age = 'time() - max(process_start_time_seconds{service="prometheus"})'
    awaited(lambda: stack.number(age) > SETTLED, SETTLED + 30, "the start to be over")
    assert stack.metrics('ALERTS{alertname="Watchdog", alertstate="firing"}')

    def restless() -> list[dict[str, str]]:
        disk = shutil.disk_usage(stack.repository)
        in_use = 1 - disk.free / disk.total
        explained = EXPLAINED.keys() | {name for name, share in DISK.items() if in_use > share - MOVES}
        return [labels for labels, _ in stack.metrics("ALERTS") if labels["alertname"] not in explained]

    awaited(lambda: not restless(), 120, lambda: "\n".join(["the end of these alerts:", *map(str, restless())]))
