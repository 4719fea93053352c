"""Writes ``docs/licences.md`` anew, and fails when a licence is refused."""

import sys
import tempfile
from pathlib import Path

from tools.licences import table
from tools.licences.check import faults
from tools.licences.components import find_components
from tools.licences.lookup import Lookup
from tools.licences.policy import read_policy
from tools.paths import ROOT


def main() -> int:
    policy = read_policy()
    components = find_components(ROOT)
    with tempfile.TemporaryDirectory() as scratch:
        licences = Lookup(ROOT, Path(scratch), policy).licences(components)
    rows = [
        table.Row(component, licences[component], components.get(component, ["a dependency"]))
        for component in sorted(licences)
    ]
    (ROOT / table.FILE).write_text(table.render(rows))
    found = list(faults(components, licences, policy))
    print(f"{len(rows)} components in {table.FILE}", *found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
