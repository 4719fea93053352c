"""Measures previews and updates of the program against floors, and prints a Markdown table of ratios.

    python bench/run.py [--quick] [--only WORD ...] [--minutes N]

Everything happens in a cluster of its own in a temporary folder. The figures of every round are written to ``.local/bench/``.
After an interrupt it prints what was measured until then, and leaves nothing running.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[1]
    sys.path[0] = str(root)  # instead of this folder

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Iterator

from bench.benchmarks import STACKS, Plan, Result, measure_stack
from bench.environment import EmbeddedCluster, Environment
from bench.growth import measure_growth
from bench.process import CommandFailed
from bench.progress import log
from bench.table import Machine, as_json, markdown
from tools.paths import ROOT

RESULTS = ROOT / ".local" / "bench"


def results(environment: Environment, plan: Plan) -> Iterator[Result]:
    """The results of all benchmarks of the plan, one after the other."""
    for stack in plan.stacks:
        yield from measure_stack(environment, stack, plan)
    yield from measure_growth(environment, plan)


def run(plan: Plan) -> int:
    """Measure, print and write. The exit code says whether all was measured, not whether the goals were met."""
    before, found, code = Machine.now(), list[Result](), 0
    if before.busy > 0.5:
        log(f"the machine is busy, {before.busy:.1f} runnable processes a core: trust the ratios, not the times")
    with tempfile.TemporaryDirectory(prefix="atlas-bench-") as name:
        cluster = EmbeddedCluster(Path(name, "cluster"))
        try:
            log("starting a cluster")
            cluster.up()
            for row in results(Environment(cluster, Path(name)), plan):
                found.append(row)  # one by one, so that an interrupt keeps what there is
        except KeyboardInterrupt:
            log("interrupted; the benchmarks that were complete by then follow")
            code = 130
        except (CommandFailed, AssertionError) as failure:
            log(f"a command failed, so the rest is not measured:\n{failure}")
            code = 1
        finally:
            cluster.command("wipe")
            report(found, before)
    return code


def report(found: list[Result], before: Machine) -> None:
    """Print the table, and write the figures of every round to a file."""
    if not found:
        return
    after = Machine.now()
    print(markdown(found))
    rounds = [len(row.ours) for row in found]
    print(f"\nMedians of {min(rounds)} to {max(rounds)} rounds; 'processors' is the ratio of processor time.")
    print(f"{before}; load {before.load} before, {after.load} after.")
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / time.strftime("%Y-%m-%d-%H%M%S.json")
    file.write_text(as_json(found, before, after))
    print(f"Every round: {file.relative_to(ROOT)}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Ratios of the program's times and memory to its floors.")
    parser.add_argument("--quick", action="store_true", help="one round, the stack local alone, few services")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="WORD",
        help="only benchmarks with a word, as 'prod', 'first up'",
    )
    parser.add_argument(
        "--minutes", type=float, default=45, help="start no further round after so many minutes (default 45)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each benchmark (default 5)")
    parser.add_argument(
        "--growth-by-settings", action="store_true", help="grow by platform.services, not by copies of a Workload"
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        plan = Plan(
            rounds=1 if options.quick else options.rounds,
            seconds=options.minutes * 60,
            only=options.only,
            stacks=STACKS[:1] if options.quick else STACKS,
            sizes=(2, 5) if options.quick else (5, 50),
            growth_by_settings=options.growth_by_settings,
            log=log,
        )
    except ValueError as error:
        parser.error(f"--only: {error}")
    return run(plan)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
