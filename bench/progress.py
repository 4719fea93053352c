"""Progress of a measurement, on standard error: standard output has the tables alone."""

import sys
import time


def log(text: str) -> None:
    """Print one line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
