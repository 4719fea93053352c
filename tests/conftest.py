"""Paths of the tests: the program's root, and each suite's own helpers."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), *(str(ROOT / part) for part in ("tests/unit", "tests/data", "tests/engine"))]
