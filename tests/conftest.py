"""The option that suites of more than one folder have, and the order of the tests where several workers take whole files."""

import pytest

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _RANK.get(item.nodeid.partition("::")[0], len(_RANK)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="drills at full length and production's sizes; alerts with its waits"
    )
