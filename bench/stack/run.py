"""Measures the running local stack, and prints Markdown tables: ``make up``, then ``make bench-stack``.

    python bench/stack/run.py [--stack FOLDER] [--samples N] [--seconds N]

It measures how long a log line and a span take until a query finds them, and the memory and processors of the whole stack, idle
and while users place orders. ``--stack`` is the clone that the stack runs from. The figures are written to
``.local/bench/stack.json``.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.path[0] = str(root)  # instead of this folder

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping

from bench.stack.arrival import lines_to_query, spans_to_query
from bench.stack.footprint import Footprint, measure_footprint
from catalog.log_stores import TITLES
from tests.e2e.running_stack import repeated, running_stack
from tools.paths import ROOT

RESULTS = ROOT / ".local/bench"
ORDERS_A_SECOND = 20


def row(what: str, seconds: list[float]) -> str:
    parts = statistics.quantiles(seconds, n=20, method="inclusive")
    return f"| {what} | {statistics.median(seconds):.2f} | {parts[-1]:.2f} | {max(seconds):.2f} | {len(seconds)} |"


def table(idle: Footprint, busy: Footprint, named: int = 10) -> Iterator[str]:
    yield "| | memory idle, MiB | under load | cores idle | under load |\n|---|---|---|---|---|"
    largest = sorted(busy.memory, key=lambda name: -busy.memory[name])
    for name in ["all of it", *largest[:named]]:
        parts = [one.total_memory if name == "all of it" else one.memory.get(name, 0) for one in (idle, busy)]
        cores = [one.total_cores if name == "all of it" else one.cores.get(name, 0) for one in (idle, busy)]
        yield f"| {name} | {parts[0] / 2**20:.0f} | {parts[1] / 2**20:.0f} | {cores[0]:.2f} | {cores[1]:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the local stack while it runs.")
    parser.add_argument("--stack", type=Path, default=ROOT)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement of memory and processors")
    chosen = parser.parse_args()
    stack = running_stack(chosen.stack.absolute())
    try:
        arrivals: Mapping[str, list[float]] = {
            f"a line on stdout to {TITLES[stack.log_store.store]}": lines_to_query(stack, chosen.samples),
            "a span to Jaeger": spans_to_query(stack, chosen.samples),
        }
        print("| seconds from … to its query | median | 95 % | most | of |\n|---|---|---|---|---|")
        print("\n".join(row(what, seconds) for what, seconds in arrivals.items()), end="\n\n", flush=True)
        idle = measure_footprint(stack.repository, chosen.seconds)
        order = {"product": "BTC-USD", "side": "buy", "size": 0.0001}
        with repeated(lambda: stack.ask("api", "/api/orders", order), every=1 / ORDERS_A_SECOND):
            time.sleep(10)
            busy = measure_footprint(stack.repository, chosen.seconds)
        print("\n".join(table(idle, busy)))
    finally:
        stack.close()
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {"arrivals": arrivals, "idle": vars(idle), "busy": vars(busy)}
    (RESULTS / "stack.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
