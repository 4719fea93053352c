"""Numbered lines in a container's log, plain and JSON in turn."""

import json
from collections import Counter

from tests.support.agent_process import ContainerLog


def write_numbered(log: ContainerLog, first: int, count: int) -> None:
    """So many, from ``first`` on."""
    for number in range(first, first + count):
        log.write(json.dumps({"level": 30, "msg": f"number {number}"}) if number % 2 else f"number {number}")


def each_once(count: int) -> Counter[str]:
    """What arrives of as many when none is lost or doubled."""
    return Counter({f"number {number}": 1 for number in range(count)})
