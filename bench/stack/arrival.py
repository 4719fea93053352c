"""How long a signal takes until a query finds it, in seconds of this machine's clock."""

import secrets
import time

from tests.e2e.running_stack import RunningStack, awaited
from tests.e2e.workload_pods import started
from tests.support.collector_process import span, traces

POLL_SECONDS = 0.05
PATIENCE = 60
WRITER = """
import random, time
for _ in range({samples}):
    time.sleep(random.uniform(0.5, 1.5))
    print(f"written at {{time.time()}}", flush=True)
"""


def lines_to_query(stack: RunningStack, samples: int) -> list[float]:
    """The seconds from a container's ``print`` to the answer of the log store that has the line."""
    writer, seen = started(stack, WRITER.format(samples=samples)), dict[str, float]()

    def all_seen() -> bool:
        time.sleep(POLL_SECONDS)
        for _, line in stack.logs(f'{{service_name="{writer}"}}', samples):
            seen.setdefault(line, time.time() - float(line.rpartition(" ")[2]))
        return len(seen) == samples

    awaited(all_seen, samples * 1.5 + PATIENCE, "every line", every=0)
    return list(seen.values())


def spans_to_query(stack: RunningStack, samples: int) -> list[float]:
    """The seconds from sending a span to the gateway to the answer of Jaeger that has it. The span has failed, so it is kept."""
    found = list[float]()
    for _ in range(samples):
        trace, begun = secrets.token_hex(16), time.monotonic()
        stack.send("traces", traces([span("bench", trace=trace, failed=True)], "bench"))
        awaited(lambda trace=trace: stack.trace(trace), PATIENCE, "the span", every=POLL_SECONDS)
        found.append(time.monotonic() - begun)
    return found
