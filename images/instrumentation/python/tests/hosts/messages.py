"""What hosts publish: texts that can carry a trace, and all kinds of things that cannot."""

DEEP = "[" * 100_000 + "]" * 100_000


class Text(str):
    def encode(self, *_):
        return b"sealed"


class Octets(bytes):
    pass


ENCLOSED = [
    '{"price":1234567890.123456789,"size":0.10,"big":1e400,"id":12345678901234567890123}',
    ' { "a" : 1 , "a" : 2.50 }\r\n',
    '{"h":"cut \\ud83d"}',
    "{}",
    "{ }",
    '{"text":"é \U0001f600 \\"_trace\\": {"}',
    '{"n":' + "1" * 6000 + "}",
    '{"deep":' + "[" * 200 + "]" * 200 + "}",
    '{"within":{"_trace":{"traceparent":"x"}}}',
]
AS_THEY_ARE = [
    "",
    "text",
    "[1.0]",
    "1.10",
    '{"a":NaN}',
    '{"a":-Infinity}',
    '\ufeff{"a":1}',
    '{"a":1.0}{"b":1}',
    '{"a":1.0',
    '{"a":01}',
    '{"a":' + DEEP + "}",
    '{"long":"' + "x" * 300_000 + '"}',
    '{"_trace":"mine","a":1.0}',
    '{"a":1.0,"_trace":{"mine":2.0}}',
    '{"a":1.0,"_trace":{"traceparent":"mine"}}',
]
OF_BYTES = [b'{"a":"\xff","n":1.0}', '{"a":1.0}'.encode("utf-16"), Octets(b'{"o":1.0}'), memoryview(b'{"v":1.0}')]
OTHERS = [Text('{"a":1.0}'), 5, 0.5]
MESSAGES = [*(each for text in [*ENCLOSED, *AS_THEY_ARE] for each in (text, text.encode())), *OF_BYTES, *OTHERS]
