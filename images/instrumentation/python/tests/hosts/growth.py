"""How much longer eight times the input takes: of each compiled pattern of the package, and of what reads what hosts write."""

import importlib
import json
import pkgutil
import re
import time

import atlas_instrumentation
from atlas_instrumentation import encoding, errors, pending

TIMES = 8
SIZE = 12_000
FILLS = (
    " ",
    "a",
    "\n",
    "\t",
    "\\",
    '"',
    "{",
    "[",
    "(",
    "'",
    "0",
    "-",
    "a ",
    "a\n",
    '\\"',
    "Errno 1] ",
    "('",
    "{message",
    "\x1b[",
)


def typed(text):
    """In small pieces, as a host may write it."""
    begun = pending.Pending(text[:1])
    for at in range(1, len(text), 3):
        begun.add(text[at : at + 3])
    return pending.last_words(begun.text())


def stack(text):
    begun = pending.Pending("Traceback (most recent call last):\n")
    for at in range(0, len(text), 3):
        begun.add("  " + text[at : at + 3] + "\n")
    return begun.text()


def tried():
    for found in pkgutil.iter_modules(atlas_instrumentation.__path__):
        module = importlib.import_module(f"atlas_instrumentation.{found.name}")
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                for method in ("search", "fullmatch"):
                    yield f"{found.name}.{name}.{method}", getattr(value, method)
    yield "loaded", encoding.loaded
    yield (
        "encoded",
        lambda text: encoding.encoded({"message": text, "more": [text[n : n + 9] for n in range(0, len(text), 9)]}),
    )
    yield "error", lambda text: errors.fields_of(OSError(text))
    yield "typed", typed
    yield "stack", stack
    yield "last words", pending.last_words


def seconds(work, text):
    best = 9.0
    for _ in range(2):
        begun = time.process_time()
        work(text)
        best = min(best, time.process_time() - begun)
    return best


bad, seen = [], set()
for name, work in tried():
    seen.add(name)
    for fill in FILLS:
        short, long = (fill * (size // len(fill)) + "x" for size in (SIZE, SIZE * TIMES))
        before = seconds(work, short)
        # Linear work on so little is done in milliseconds.
        after = seconds(work, long) if before < 0.2 else float("inf")
        # Three times as much for the machine's other work; what takes less than this is no growth to be seen.
        if after > 0.05 and after > 3 * TIMES * before:
            bad.append([name, fill, before])
print(json.dumps({"message": "growth", "bad": bad, "seen": sorted(seen)}))
