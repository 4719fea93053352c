"""The option that suites of more than one folder have; how many workers take whole files, and in which order."""

import os

import pytest

from tools.preflight import GIB, memory

WORKER_MEMORY = 2 * GIB
"""What a worker with a control plane of its own takes."""
WAITING = 2
"""As many workers as wait at any time, for a server, a pod or the clock."""

LONGEST = (
    "engine/test_updates.py",
    "engine/test_interrupted_updates.py",
    "engine/test_edits.py",
    "engine/test_image_digests.py",
    "checkers/test_exceptions.py",
    "engine/test_waiting.py",
    "engine/test_refusals.py",
    "data/test_rules_mutated.py",
    "tools/test_cluster.py",
    "data/test_config_agent_killed.py",
    "data/test_config_agent_outages.py",
    "engine/test_admission.py",
    "data/test_config_agent_runs.py",
    "data/test_config_collector_runs.py",
    "engine/test_existing_cluster.py",
    "data/test_config_alertmanager_runs.py",
)
"""Files of half a minute and more, on two cores. They begin first, so that none is left to one worker at the end."""
_RANK = {f"tests/{file}": rank for rank, file in enumerate(LONGEST)}


def pytest_xdist_auto_num_workers() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        fitting = memory()["MemAvailable"] // WORKER_MEMORY
    except FileNotFoundError:  # not Linux
        fitting = cores
    return max(1, min(cores + WAITING, fitting))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _RANK.get(item.nodeid.partition("::")[0], len(_RANK)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="drills at full length and production's sizes; alerts with its waits"
    )
