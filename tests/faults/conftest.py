"""The drills' two forms, and where their figures go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.report import Report

FIGURES = Path(__file__).parents[2] / ".local/faults"


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long form."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def passes(full: bool) -> Callable[[Report], None]:
    """Tells and keeps a drill's figures, and fails where a mark is missed."""

    def check(report: Report) -> None:
        print(f"\n{report}")
        report.write(FIGURES, "full" if full else "short")
        assert report.missed == []

    return check
