"""What one message may cost grows with its length and no faster, whatever is in it, and is bounded."""

import json

from conftest import Start

PROGRAM = r"""
import json, time
from atlas_instrumentation import envelope

CONTEXT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
FIELD = '"_trace":' + json.dumps(CONTEXT)
INPUTS = {
    "blanks before the trace": lambda n: '{"a":1' + " " * n + "," + FIELD + "}",
    "blanks behind the trace": lambda n: '{"a":1,' + FIELD + " " * n + "}",
    "blanks behind it all": lambda n: '{"a":1,' + FIELD + "}" + " " * n,
    "blanks and no end": lambda n: '{"a":1,' + FIELD + " " * n + "x",
    "blanks within the trace": lambda n: '{"_trace":{' + " " * n + '"traceparent":"x"}}',
    "quotes": lambda n: '{"_trace":"' + '\\"' * (n // 2) + '"}',
    "backslashes": lambda n: '{"_trace":"' + "\\" * n + '"}',
    "half a field": lambda n: '{"a":"' + '\\"_trac' * (n // 7) + '"}',
    "many fields": lambda n: "{" + ",".join([FIELD] * (n // len(FIELD))) + "}",
    "many names": lambda n: "{" + ",".join(f'"{i}":{i}.10' for i in range(n // 15)) + "," + FIELD + "}",
    "many that differ little": lambda n: '{"a":[' + ",".join(['{"_trace":{}}'] * (n // 14)) + "]}",
    "braces": lambda n: '{"_trace":' + "{" * n,
    "brackets": lambda n: '{"a":' + "[" * (n // 2) + "]" * (n // 2) + "," + FIELD + "}",
    "digits": lambda n: '{"a":' + "1" * n + "," + FIELD + "}",
    "an exponent": lambda n: '{"a":1e' + "9" * n + "," + FIELD + "}",
    "no end": lambda n: '{"_trace":{"traceparent":"' + "x" * n,
}

def seconds(work, message):
    found = []
    for _ in range(7):
        begun = time.thread_time()
        work(message)
        found.append(time.thread_time() - begun)
    return min(found)

for name, make in INPUTS.items():
    for kind in (str, str.encode):
        for work in (envelope.opened, lambda message: envelope.enclose(message, CONTEXT)):
            short, long, endless = (kind(make(length)) for length in (20_000, 160_000, 8_000_000))
            took = [seconds(work, each) for each in (short, long, endless)]
            print(json.dumps([name, *took]))
"""


def test_what_a_message_costs_grows_with_its_length_and_is_bounded(start: Start) -> None:
    host = start(PROGRAM, OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert host.wait(120) == 0, host.lines
    measured = [json.loads(line["message"]) for line in host.lines]
    assert len(measured) > 60
    # Eight times the length: a square would take 64 times as long. Below a tenth of a millisecond the clock decides.
    assert [name for name, short, long, _ in measured if long > 24 * max(short, 1e-4)] == []
    assert [(name, endless) for name, _, _, endless in measured if endless > 0.1] == []
