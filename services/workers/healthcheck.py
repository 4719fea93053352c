"""Exit code 0 if the workers serve their metrics, 1 if not: ``python healthcheck.py``."""

import os
import sys
import urllib.request

URL = f"http://127.0.0.1:{os.environ.get('METRICS_PORT', '9108')}/metrics"

try:
    with urllib.request.urlopen(URL, timeout=3) as answer:
        sys.exit(0 if b"atlas_kill_switch" in answer.read() else 1)
except OSError as error:
    sys.exit(f"{URL}: {error}")
