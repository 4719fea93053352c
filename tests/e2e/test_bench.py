"""``make bench-stack`` and ``make bench-up`` measure a running stack: their short forms, for their figures to be figures."""

import os
import re
import subprocess
import sys

import pytest

from catalog.log_stores import TITLES
from tests.e2e.running_stack import RunningStack
from tests.support.repository import ROOT, tool_path


def test_the_benchmark_measures_arrivals_and_the_footprint(stack: RunningStack) -> None:
    said, store = bench("stack", stack, "--samples=4", "--seconds=5"), stack.log_store.store
    arrivals = dict(re.findall(r"^\| (a .+?) \| ([\d.]+) \|", said, re.MULTILINE))
    assert arrivals.keys() == {f"a line on stdout to {TITLES[store]}", "a span to Jaeger"}
    assert all(0 < float(median) < 30 for median in arrivals.values())
    (memory,) = re.findall(r"^\| all of it \| (\d+) \| (\d+) \|", said, re.MULTILINE)
    assert all(500 < int(each) < 10_000 for each in memory)
    for program in ("prometheus", "kube-apiserver"):  # a small store is not among the ten that are named
        assert re.search(rf"^\| {program} \|", said, re.MULTILINE), said


def test_the_benchmark_measures_an_update_without_change_by_its_parts(stack: RunningStack) -> None:
    said = bench("up", stack)
    (row,) = re.findall(r"^\| without change \| ([\d.]+ \| .*) \|$", said, re.MULTILINE)
    whole, *parts = (float(each) for each in row.split(" | "))
    assert len(parts) == 4
    assert all(each > 0 for each in parts)
    assert sum(parts) == pytest.approx(whole, abs=0.3)  # each is rounded


def bench(name: str, stack: RunningStack, *arguments: str) -> str:
    """What the benchmark prints of that stack."""
    script = [sys.executable, str(ROOT / f"bench/{name}/run.py"), f"--stack={stack.repository}", *arguments]
    environment = {"PATH": tool_path(), "HOME": os.environ["HOME"]}
    said = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout
