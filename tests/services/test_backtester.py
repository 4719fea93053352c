"""The backtester as a job: a result on recorded prices, and an exit code that tells."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.services import service_builds

FOLDER = service_builds.SERVICES / "backtester"


def backtest(*arguments: str | Path) -> tuple[int, list[dict[str, object]], str]:
    """Exit code, the lines of stdout, and stderr."""
    command = [service_builds.python("backtester"), "-m", "backtester.backtester_main", *arguments]
    ran = subprocess.run(command, cwd=FOLDER, env={}, capture_output=True, text=True)
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def prices(folder: Path, closes: list[float], header: str = "timestamp,close") -> Path:
    lines = [f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,{close}" for hour, close in enumerate(closes)]
    (path := folder / "prices.csv").write_text("\n".join([header, *lines]) + "\n")
    return path


def test_it_prints_its_result_as_the_last_line() -> None:
    code, lines, _ = backtest("simple_strategy", "data.csv", "2024-01-01", "2024-02-01")

    assert code == 0
    assert (lines[-1]["message"], lines[-1]["bars"], lines[-1]["strategy"]) == ("result", 31 * 24, "simple_strategy")
    assert int(str(lines[-1]["trades"])) > 0
    assert [line["message"] for line in lines[:-1]] == ["backtest_started", "backtest_completed"]


def test_a_rise_is_bought_once_and_earns_from_the_bar_after_the_signal(tmp_path: Path) -> None:
    closes = [100.0] * 60 + [101.0, 102.01, 103.0301]  # three times 1 % more
    code, lines, _ = backtest("simple_strategy", prices(tmp_path, closes), "2024-01-01", "2024-01-05")

    # The first rise gives the signal; the two after it are earned, less one fee of 0.1 %.
    assert (code, lines[-1]["trades"]) == (0, 1)
    assert lines[-1]["total_return"] == pytest.approx(1.01**2 * 0.999 - 1, abs=1e-6)


def test_a_fall_is_sat_out(tmp_path: Path) -> None:
    closes = [100.0 * 0.99**step for step in range(90)]
    code, lines, _ = backtest("simple_strategy", prices(tmp_path, closes), "2024-01-01", "2024-01-05")

    assert (code, lines[-1]["trades"], lines[-1]["total_return"], lines[-1]["max_drawdown"]) == (0, 0, 0.0, 0.0)


def test_the_end_does_not_count(tmp_path: Path) -> None:
    path = prices(tmp_path, [100.0] * 48)

    assert backtest("simple_strategy", path, "2024-01-01", "2024-01-02")[1][-1]["bars"] == 24


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("simple_strategy", "nowhere.csv", "2024-01-01", "2024-02-01"), "nowhere.csv"),
        (("simple_strategy", "data.csv", "yesterday", "2024-02-01"), "START: 'yesterday'"),
        (("simple_strategy", "data.csv", "2031-01-01", "2031-02-01"), "0 bars"),
        (("unknown_strategy", "data.csv", "2024-01-01", "2024-02-01"), "simple_strategy"),
    ],
)
def test_wrong_arguments_end_by_2_and_name_what_is_wrong(arguments: tuple[str, ...], named: str) -> None:
    code, lines, errors = backtest(*arguments)

    assert code == 2
    assert named in str(lines[-1]["problem"] if lines else errors)


@pytest.mark.parametrize(
    ("closes", "header", "named"),
    [
        ([1.0, "much"], "timestamp,close", "line 3"),
        ([1.0, -2.0], "timestamp,close", "line 3"),
        ([1.0, 2.0], "timestamp,price", "no column close"),
    ],
)
def test_wrong_data_ends_by_2_and_names_the_line(tmp_path: Path, closes: list[float], header: str, named: str) -> None:
    code, lines, _ = backtest("simple_strategy", prices(tmp_path, closes, header), "2024-01-01", "2024-01-05")

    assert (code, named in str(lines[-1]["problem"])) == (2, True)


def test_its_health_check_tells_whether_it_can_be_imported(tmp_path: Path) -> None:
    command = [service_builds.python("backtester"), FOLDER / "healthcheck.py"]
    found = subprocess.run(command, cwd=FOLDER, env={"PYTHONPATH": str(FOLDER)}, capture_output=True)
    (alone := tmp_path / "healthcheck.py").write_text((FOLDER / "healthcheck.py").read_text())
    lost = subprocess.run([command[0], alone], cwd=tmp_path, env={}, capture_output=True)

    assert (found.returncode, lost.returncode) == (0, 1)
