"""Measures production's gateway and agent against a bare Collector on the same binary, and prints Markdown tables.

    python bench/pipeline/run.py [--rounds N] [--records N] [--minutes N] [--against REVISION]

The figure is records a second of one core: the records divided by the processor seconds of the Collector itself, so that senders
and backends on the same machine do not matter. Medians of alternating rounds; every round is written to
``.local/bench/pipeline.json``.
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
from collections.abc import Callable, Mapping
from dataclasses import asdict

from bench.pipeline.candidates import (
    OWN_DEFAULTS,
    agent,
    agent_queue_alone,
    bare,
    bare_agent,
    gateway,
    of_revision,
    processors,
    queue_alone,
    without,
)
from bench.pipeline.records import BATCH
from bench.pipeline.vlagent import vlagent
from bench.process import Run
from bench.progress import log
from bench.rounds import Comparison, run_rounds
from tests.faults.rendered import workload
from tools.paths import ROOT

RESULTS = ROOT / ".local/bench"
GOAL = 0.6
COLUMNS = ("bare", "queue on disk", "upstream image", "ours", "with fsync", "vlagent")
EARLIER = "earlier"
ALL = {"SAMPLING_PERCENTAGE": "100"}
"""Without the processor that marks them most spans would not be kept, so that all later ones had less to do."""
SIGNALS = {"logs": "log records", "traces": "spans", "metrics": "data points"}


def ratios(records: int, rounds: int, until: float, against: str | None) -> tuple[list[str], dict[str, list[Run]]]:
    """A row for each hop and signal, with a column for each of COLUMNS. ``against`` is an earlier revision."""
    rows, everything = list[str](), dict[str, list[Run]]()
    requests = records // BATCH
    hops: dict[str, Mapping[str, Callable[[], Run]]] = {
        f"gateway, {what}": {
            "bare": gateway(signal, requests, variant=bare, environment=OWN_DEFAULTS),
            "queue on disk": gateway(signal, requests, variant=queue_alone),
            "upstream image": gateway(signal, requests, upstream=True),
            "ours": gateway(signal, requests),
            "with fsync": gateway(signal, requests, fsync=True),
        }
        for signal, what in SIGNALS.items()
    }
    hops["agent, lines"] = {
        "bare": agent(records, upstream=True, variant=bare_agent, environment=OWN_DEFAULTS),
        "queue on disk": agent(records, upstream=True, variant=agent_queue_alone),
        "upstream image": agent(records, upstream=True),
        "ours": agent(records),
        "vlagent": vlagent(records),
    }
    if against:
        for signal, what in SIGNALS.items():
            earlier = gateway(signal, requests, variant=of_revision(against, "gateway.yaml"))
            hops[f"gateway, {what}"] = {**hops[f"gateway, {what}"], EARLIER: earlier}
        earlier = agent(records, upstream=True, variant=of_revision(against, "agent.yaml"))
        hops["agent, lines"] = {**hops["agent, lines"], EARLIER: earlier}
    for hop, candidates in hops.items():
        log(hop)
        found = run_rounds(candidates, rounds=rounds, until=until, log=log)
        everything |= {f"{hop}: {name}": runs for name, runs in found.items()}
        rows.append(_row(hop, found, records))
    return rows, everything


def _row(hop: str, found: Mapping[str, list[Run]], records: int) -> str:
    cells = [hop]
    for name in COLUMNS:
        runs = found.get(name)
        cells.append(_speed(runs, records) if runs else "")
        if runs and name != "bare":
            ratio = Comparison([run.cpu for run in found["bare"]], [run.cpu for run in runs])
            low, high = ratio.spread
            cells[-1] += f", {ratio.ratio:.2f} ({low:.2f} to {high:.2f})"
    for theirs in (found.get("upstream image"), found.get(EARLIER)):
        ours = [run.cpu for run in found["ours"]]
        cells.append(f"{Comparison([run.cpu for run in theirs], ours).ratio:.2f}" if theirs else "")
    cells.append(" : ".join(f"{statistics.median(run.peak for run in runs) / 2**20:.0f}" for runs in found.values()))
    return "| " + " | ".join(cells) + " |"


def _speed(runs: list[Run], records: int) -> str:
    return f"{records / statistics.median(run.cpu for run in runs):,.0f}"


def costs(signal: str, records: int, rounds: int, until: float) -> tuple[list[str], dict[str, list[Run]]]:
    """A row for each processor of a signal: the cost of a record with all of them, and how much less it is without that one."""
    requests = records // BATCH
    names = list(dict.fromkeys(processors(workload("otel-collector"), "gateway.yaml", signal)))
    candidates = {"ours": gateway(signal, requests, environment=ALL)} | {
        name: gateway(signal, requests, variant=without(name), environment=ALL) for name in names
    }
    log(f"processors of {signal}")
    found = run_rounds(candidates, rounds=rounds, until=until, log=log)
    whole = [run.cpu for run in found["ours"]]
    rows = [f"| {SIGNALS[signal]}, all of it | {statistics.median(whole) / records * 1e6:.1f} µs | |"]
    for name in names:
        saved = [all_of_it - run.cpu for all_of_it, run in zip(whole, found[name], strict=True)]
        share = statistics.median(saved) / statistics.median(whole)
        rows.append(f"| {SIGNALS[signal]}, {name} | {statistics.median(saved) / records * 1e6:.1f} µs | {share:.0%} |")
    return rows, {f"{signal} without {name}": runs for name, runs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the pipeline against a bare Collector.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=100_000, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=15, help="no new round after this")
    parser.add_argument("--against", help="an earlier revision whose configurations are measured as well")
    chosen = parser.parse_args()
    until = time.monotonic() + chosen.minutes * 60
    rows, everything = ratios(chosen.records, chosen.rounds, until, chosen.against)
    columns = " | ".join((*COLUMNS, "ours to upstream", "ours to earlier", "memory, MiB"))
    print(f"| records a second of one core, ratio (goal {GOAL}) | {columns} |")
    print("|---" * (len(COLUMNS) + 4) + "|\n" + "\n".join(rows))
    print("\n| the gateway's processors | a record | share |\n|---|---|---|")
    for signal in ("logs", "traces", "metrics"):
        rows, found = costs(signal, chosen.records, chosen.rounds, until)
        print("\n".join(rows), flush=True)
        everything |= found
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {name: [asdict(run) for run in runs] for name, runs in everything.items()}
    (RESULTS / "pipeline.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
