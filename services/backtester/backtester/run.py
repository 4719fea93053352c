"""A strategy's result over recorded prices."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backtester.prices import Bar

FEE = 0.001  # of the traded amount


@dataclass(frozen=True, kw_only=True)
class Result:
    """Returns and drawdown are fractions; ``trades`` counts purchases and sales."""

    bars: int
    trades: int
    total_return: float
    buy_and_hold_return: float
    max_drawdown: float

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 6) for name, value in asdict(self).items()}


def run(bars: Sequence[Bar], strategy: Callable[[Sequence[float]], Sequence[int]]) -> Result:
    """Each position is taken at the close after which it was wanted, and earns from the next bar on: no look into the future."""
    closes = [bar.close for bar in bars]
    wanted = strategy(closes)
    equity = peak = 1.0
    drawdown, held, trades = 0.0, 0, 0
    for index in range(1, len(closes)):
        if wanted[index - 1] != held:
            held = wanted[index - 1]
            trades += 1
            equity *= 1 - FEE
        if held:
            equity *= closes[index] / closes[index - 1]
        peak = max(peak, equity)
        drawdown = max(drawdown, 1 - equity / peak)
    return Result(
        bars=len(bars),
        trades=trades,
        total_return=equity - 1,
        buy_and_hold_return=closes[-1] / closes[0] - 1,
        max_drawdown=drawdown,
    )
