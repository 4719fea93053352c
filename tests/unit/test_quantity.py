"""Quantities and durations: what they mean, and what is refused instead of guessed."""

import pytest

from settings.units import from_bytes, to_bytes, to_hours, to_millicores


def test_binary_quantities_are_powers_of_two() -> None:
    assert [to_bytes(each) for each in ("1Ki", "512Mi", "2Gi", "1Ti")] == [2**10, 2**29, 2**31, 2**40]


def test_bytes_become_whole_mebibytes_rounded_down() -> None:
    assert from_bytes(2**30 - 1) == "1023Mi"


def test_durations_are_hours() -> None:
    assert [to_hours(each) for each in ("36h", "15d", "2w")] == [36, 360, 336]


def test_cores_are_thousandths() -> None:
    assert [to_millicores(each) for each in ("250m", "2")] == [250, 2000]


@pytest.mark.parametrize(
    "quantity",
    ["1G", "1.5Gi", "-1Gi", "0Gi", "Gi", "1 Gi", "1gi", "", "1Gi\n", "1\u0661Gi", "0x1Gi", "1e3Gi", "9" * 5000 + "Gi"],
)
def test_other_quantities_are_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        to_bytes(quantity)


@pytest.mark.parametrize(
    "duration", ["15", "1.5d", "0d", "-1d", "1y", "1m", "7 days", "", "1\u0661d", "9" * 5000 + "d"]
)
def test_other_durations_are_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        to_hours(duration)


@pytest.mark.parametrize("cpu", ["0.5", "0", "-1", "m", "100 m", "", "1\u0661", "9" * 5000])
def test_other_shares_of_a_cpu_are_refused(cpu: str) -> None:
    with pytest.raises(ValueError, match="expected cores"):
        to_millicores(cpu)
