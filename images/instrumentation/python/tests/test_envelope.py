"""The trace in a message's text: what others write, in any order and spacing, is taken out, and nothing else is touched."""

import base64
import json

import pytest
from conftest import Start

TRACE = '{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}'
TAKEN_OUT = {
    # As Node's package writes it.
    f'{{"price":0.10,"id":12345678901234567890,"_trace":{TRACE}}}': '{"price":0.10,"id":12345678901234567890}',
    f'{{"_trace":{TRACE}}}': "{}",
    # Written anew by somebody in between: sorted, indented, spaced.
    f'{{"_trace": {TRACE}, "price": 1e400}}': '{"price": 1e400}',
    f'{{ "a" : 1.0 , "_trace" : {TRACE} , "b" : 2.50 }}': '{ "a" : 1.0 , "b" : 2.50 }',
    f'{{\n  "_trace": {TRACE},\n  "a": 1.00\n}}\n': '{\n  "a": 1.00\n}\n',
    f'{{\n  "a": 1.00,\n  "_trace": {TRACE}\n}}\n': '{\n  "a": 1.00\n}\n',
    f'{{"a":"é \U0001f600","_trace":{TRACE},"a":"\\ud83d"}}': '{"a":"é \U0001f600","a":"\\ud83d"}',
    f'{{"n":0.10,"_trace":{TRACE[:-1]},"tracestate":"a={{}}","n":1}}}}': '{"n":0.10}',
}
LEFT_IN = [
    '{"a":"\\"_trace\\":{\\"traceparent\\":\\"x\\"}"}',
    f'{{"within":{{"n":1.0,"_trace":{TRACE}}}}}',
    f'[{{"n":1.0,"_trace":{TRACE}}}]',
    f'{{"n":1.0,"_trace":{TRACE}}}\n{{"n":1.0,"_trace":{TRACE}}}',
    f'{{"n":1.0\n{{"n":2.0,"_trace":{TRACE}}}',
    f'{{"n":NaN,"_trace":{TRACE}}}',
    f'{{"n":01,"_trace":{TRACE}}}',
    f'{{,"_trace":{TRACE}}}',
    f'{{"_trace":{TRACE},}}',
    f'{{"n":1.0,"_trace":{TRACE}',
    f'{{"n":1.0,"_trace":{TRACE}}}x',
    f'\ufeff{{"n":1.0,"_trace":{TRACE}}}',
    f'{{"n":{"[" * 20_000}{"]" * 20_000},"_trace":{TRACE}}}',
    '{"n":1.0,"_trace":{"traceparent":7}}',
    '{"n":1.0,"_trace":"x"}',
    '{"_trace',
    '"_trace"',
]

PROGRAM = """
import base64, json, sys
from atlas_instrumentation.envelope import opened

for text in json.loads(base64.b64decode({given!r})):
    message, carrier = opened(text)
    octets, same = opened(text.encode())
    assert (octets.decode(), type(octets), same) == (message, bytes, carrier), text
    print(json.dumps([message, carrier]))

# A host that has raised the limit of recursion: the parser would overflow the stack.
sys.setrecursionlimit(10**9)
deep = '{{"n":' + "[" * 10**5 + "]" * 10**5 + ',"_trace":{{"traceparent":"x"}}}}'
assert opened(deep) == (deep, {{}})
"""


@pytest.fixture
def opened(start: Start) -> list[tuple[str, dict[str, str]]]:
    given = base64.b64encode(json.dumps([*TAKEN_OUT, *LEFT_IN]).encode()).decode()
    host = start(PROGRAM.format(given=given), OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert host.wait() == 0, host.lines
    return [json.loads(line["message"]) for line in host.lines]


def test_the_trace_is_taken_out_wherever_it_is_and_nothing_else(opened: list[tuple[str, dict[str, str]]]) -> None:
    found = dict(zip(TAKEN_OUT, opened, strict=False))
    assert {given: message for given, (message, _) in found.items()} == TAKEN_OUT
    assert {carrier["traceparent"] for _, carrier in found.values()} == {json.loads(TRACE)["traceparent"]}
    assert [message for message, _ in opened[len(TAKEN_OUT) :]] == LEFT_IN
    assert [carrier for _, carrier in opened[len(TAKEN_OUT) :]] == [{}] * len(LEFT_IN)
