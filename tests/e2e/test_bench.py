"""`make bench-stack` measures a running stack: its short form, for its figures to be figures."""

import re
import subprocess
import sys

from harness import ROOT, tool_path
from live import Live


def test_the_benchmark_measures_arrivals_and_the_footprint(stack: Live) -> None:
    script = [sys.executable, str(ROOT / "bench/stack/run.py"), f"--stack={stack.repository}"]
    said = subprocess.run(
        [*script, "--samples=4", "--seconds=5"], env={"PATH": tool_path()}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    arrivals = dict(re.findall(r"^\| (a .+?) \| ([\d.]+) \|", said.stdout, re.MULTILINE))
    assert arrivals.keys() == {"a line on stdout to Loki", "a span to Jaeger"}
    assert all(0 < float(median) < 30 for median in arrivals.values())
    (memory,) = re.findall(r"^\| all of it \| (\d+) \| (\d+) \|", said.stdout, re.MULTILINE)
    assert all(500 < int(each) < 10_000 for each in memory)
    for program in ("prometheus", "loki", "kube-apiserver"):
        assert re.search(rf"^\| {program} \|", said.stdout, re.MULTILINE), said.stdout
