"""Schedules: the five fields of cron as Kubernetes reads them, and the first field that is none."""

import pytest

from settings.cron import check_schedule


@pytest.mark.parametrize(
    "schedule",
    ["0 3 * * *", "@daily", "*/15 8-18 1,15 jan-JUN MON-fri", "59 23 31 12 6", "0-30/10 * * * *", "0 0 * * sun"],
)
def test_accepted(schedule: str) -> None:
    check_schedule(schedule)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ("60 3 * * *", "a minute from 0 to 59"),
        ("0 24 * * *", "an hour from 0 to 23"),
        ("0 3 0 * *", "a day of the month from 1 to 31"),
        ("0 3 * 13 *", "a month from 1 to 12"),
        ("0 3 * * 7", "a day of the week from 0 to 6"),
        ("0 3 * * someday", "a day of the week"),
        ("30-10 3 * * *", "a minute"),
        ("*/0 3 * * *", "a minute"),
        ("*-5 3 * * *", "a minute"),
        ("1,,2 3 * * *", "a minute"),
        ("jan 3 * * *", "a minute"),
        ("9" * 5000 + " 3 * * *", "a minute"),
    ],
)
def test_refused_by_its_first_wrong_field(schedule: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"^expected {field}"):
        check_schedule(schedule)
