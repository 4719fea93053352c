"""Measuring in rounds: each round runs every candidate once, in alternating order, so that a slow minute affects all of them."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.process import Run

Candidate = Callable[[], Run]
"""Does the measured thing once, undoes it, and returns what the thing itself took."""
Log = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """One quantity of ours and of another candidate, measured in the same rounds."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by theirs for each round, so that what disturbs a whole round cancels out."""
        return [mine / other for mine, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest ratio of any round."""
        return min(self.ratios), max(self.ratios)


def run_rounds(candidates: Mapping[str, Candidate], *, rounds: int, until: float, log: Log) -> dict[str, list[Run]]:
    """The runs of each candidate. There is at least one round, and no new one begins after ``until`` (``time.monotonic``)."""
    found: dict[str, list[Run]] = {name: [] for name in candidates}
    for number in range(rounds):
        if number and time.monotonic() > until:
            log(f"the time is over after {number} of {rounds} rounds")
            break
        names = list(candidates)
        for name in names if number % 2 == 0 else reversed(names):
            run = candidates[name]()
            found[name].append(run)
            log(f"round {number + 1} of {rounds}: {name} {run.seconds:.2f} s, {run.cpu:.2f} s of processors")
    return found


def growth(small: Sequence[Run], large: Sequence[Run], more: int) -> list[Run]:
    """The cost of each of ``more`` further things, for each round."""
    return [
        Run((much.seconds - little.seconds) / more, (much.cpu - little.cpu) / more, (much.peak - little.peak) // more)
        for little, much in zip(small, large, strict=True)
    ]
