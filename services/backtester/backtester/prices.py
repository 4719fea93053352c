"""Recorded prices: a CSV with the columns ``timestamp`` (ISO 8601; UTC where it names no zone) and ``close``."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path


class BadInput(Exception):
    """The message names the file or argument, what was found and what is expected."""


@dataclass(frozen=True)
class Bar:
    time: datetime
    close: float


def moment(text: str, where: str) -> datetime:
    """A point in time, with a zone.

    Raises:
        BadInput: names ``where``.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{where}: {text!r} is no date: write one as 2024-01-31 or 2024-01-31T12:00") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def read(path: Path, start: datetime, end: datetime) -> list[Bar]:
    """The bars from ``start`` up to, and without, ``end``, in order of time.

    Raises:
        BadInput: the file is missing or wrong, out of order, or has fewer than two bars there.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not a text file: a CSV with the columns timestamp and close is expected") from None
    bars = [_bar(row, f"{path}, line {number}") for number, row in enumerate(rows, start=2)]
    for number, (earlier, later) in enumerate(pairwise(bars), start=3):
        if later.time <= earlier.time:
            raise BadInput(f"{path}, line {number}: not later than the line above it: sort the file by timestamp")
    chosen = [bar for bar in bars if start <= bar.time < end]
    if len(chosen) < 2:
        raise BadInput(
            f"{path}: {len(chosen)} bars from {start.isoformat()} to {end.isoformat()}: at least 2 are needed"
        )
    return chosen


def _bar(row: dict[str, str | None], where: str) -> Bar:
    try:
        close = float(row["close"] or "")
    except KeyError:
        raise BadInput(f"{where}: no column close: the columns timestamp and close are expected") from None
    except ValueError:
        raise BadInput(f"{where}: close={row['close']!r} is not a number") from None
    if not 0 < close < float("inf"):
        raise BadInput(f"{where}: close={row['close']!r} is not a finite price above 0")
    return Bar(moment(row.get("timestamp") or "", where), close)
