"""Two moving averages: in the market while the short one is above the long one."""

from collections.abc import Sequence

SHORT, LONG = 12, 48  # bars


def positions(closes: Sequence[float]) -> list[int]:
    """1 or 0 after each close; 0 until there are enough for the long average."""
    wanted = []
    short = long = 0.0
    for index, close in enumerate(closes):
        short += close - (closes[index - SHORT] if index >= SHORT else 0.0)
        long += close - (closes[index - LONG] if index >= LONG else 0.0)
        wanted.append(int(index >= LONG - 1 and short / SHORT > long / LONG))
    return wanted
