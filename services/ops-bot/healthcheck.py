"""Exit code 0 if the bot answers, 1 if not: ``python healthcheck.py``."""

import os
import sys
import urllib.request

URL = f"http://127.0.0.1:{os.environ.get('HEALTH_PORT', '8080')}/healthz"

try:
    with urllib.request.urlopen(URL, timeout=3):
        sys.exit(0)
except OSError as error:
    sys.exit(f"{URL}: {error}")
