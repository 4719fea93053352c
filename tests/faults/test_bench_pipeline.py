"""``make bench-pipeline`` measures every hop and every processor: its short form, for its figures to be figures."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOPS = {"gateway, log records", "gateway, spans", "gateway, data points", "agent, lines"}


def test_the_benchmark_measures_every_hop_and_processor() -> None:
    script = [sys.executable, str(ROOT / "bench/pipeline/run.py"), "--rounds=1", "--records=2000", "--minutes=5"]
    said = subprocess.run(script, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    # The hop, the bare Collector, its queue on disk, and ours.
    row = r"^\| (\w+, [\w ]+?) \| [\d,]+ \| [\d,]+, [^|]+ \| [\d,]+, ([\d.]+) \("
    ratios = dict(re.findall(row, said.stdout, re.MULTILINE))
    assert ratios.keys() == HOPS
    assert all(0 < float(ratio) < 2 for ratio in ratios.values())
    agent = next(line for line in said.stdout.splitlines() if line.startswith("| agent, lines"))
    assert len(re.findall(r"[\d,]+, [\d.]+ \(", agent)) == len(("queue on disk", "ours", "upstream", "vlagent"))
    processors = re.findall(
        r"^\| (log records|spans|data points), (\S+/\S+|\S+) \| -?[\d.]+ µs", said.stdout, re.MULTILINE
    )
    for signal in ("log records", "spans", "data points"):
        assert len([name for of, name in processors if of == signal]) > 3, said.stdout
