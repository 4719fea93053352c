"""The option that suites of more than one folder have."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="drills at full length and production's sizes; alerts with its waits"
    )
