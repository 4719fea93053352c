"""Alerts that a stack may have with nothing wrong in it, each only while its reason holds."""

import os
import shutil
import time

from tests.e2e.running_stack import RunningStack
from tools.preflight import memory

DISK = {"KubePersistentVolumeFillingUp": 0.7, "VolumeAlmostFull": 0.85, "NodeDiskHigh": 0.85}
"""Alerts of the embedded node's disk, which is this machine's, with the share in use from which they are due."""
MEMORY = 0.9
"""The share in use from which ``NodeMemoryHigh`` is due."""
PROCESSORS = 0.95
"""The share of five minutes that is busy from which ``NodeCpuSaturated`` is due."""
MOVES = 0.02
"""Of these, between Prometheus's sample and a look at the machine."""
FORGOTTEN = 45
"""Seconds after which CoreDNS, which keeps for 30 that there is no such name, sends Alertmanager to those who have just come."""


def expected_alerts(stack: RunningStack) -> set[str]:
    """Names of such alerts, now."""
    found = {"Watchdog"}
    # Those who are told come a moment after the stack. What has failed before is not their fault, nor Alertmanager's.
    if (since := int(time.time() - stack.receiver_since - FORGOTTEN)) < 1 or not stack.number(
        f"sum(increase(alertmanager_notifications_failed_total[{since}s]))"
    ):
        found.add("AlertmanagerFailedToSendAlerts")
    disk = shutil.disk_usage(stack.repository)
    found |= {name for name, share in DISK.items() if 1 - disk.free / disk.total > share - MOVES}
    if os.getloadavg()[1] / (os.cpu_count() or 1) > PROCESSORS - MOVES:
        found.add("NodeCpuSaturated")
    if _memory_in_use() > MEMORY - MOVES:
        found.add("NodeMemoryHigh")
    return found


def _memory_in_use() -> float:
    have = memory()
    return 1 - (have["MemFree"] + have["Cached"] + have["Buffers"] + have["SReclaimable"]) / have["MemTotal"]
