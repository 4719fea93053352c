"""``python3 -I -S health.py URL`` ends with 0 when URL answers below 500: the image has no curl."""

import sys
import urllib.error
import urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=4):  # noqa: S310 - the Dockerfile names the URL
        sys.exit(0)
except urllib.error.HTTPError as answer:
    sys.exit(0 if answer.code < 500 else 1)
except OSError:
    sys.exit(1)
