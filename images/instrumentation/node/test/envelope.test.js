'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { trace, context } = require('@opentelemetry/api');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { process: receive, publish } = require('../lib/bus/envelope');

new NodeTracerProvider().register();

const send = (message) => publish('topic', message, (sent) => sent);
const take = (message) => receive('topic', message, (plain) => ({ plain, trace: trace.getSpanContext(context.active())?.traceId }));

for (const text of ['{ }', '{"a":1 }\n', '{"limit":1e400,"n":-0.0,"a":1,"a":2}', '{"h":"cut \\ud83d"}', '{"_trace ":1,"x":" \\"_trace\\":{}}"}', '{}', '{"a":1}', ' {"a": 0.10,\n "n": 12345678901234567890 }', '{"a":{"_trace":{"x":1}}}', '{"a":"\\"_trace\\": {}"}', '{"ü":"😀"}']) {
  test(`${JSON.stringify(text)} arrives as it was sent, as text and as bytes`, () => {
    const sent = send(text);
    const { _trace, ...others } = JSON.parse(sent);
    assert.deepEqual(others, JSON.parse(text));
    assert.match(_trace.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    const got = take(sent);
    assert.equal(got.plain, text);
    assert.equal(got.trace, _trace.traceparent.split('-')[1]);
    const bytes = send(Buffer.from(text));
    assert.ok(Buffer.isBuffer(bytes));
    assert.deepEqual(take(bytes).plain, Buffer.from(text));
  });
}

for (const text of ['', 'plain', '42', 'null', '[{"a":1}]', '{"a":', '{"_trace":{"traceparent":"mine"}}', '{"_trace":7}']) {
  test(`${JSON.stringify(text)} is sent and handed on as it is`, () => {
    assert.equal(send(text), text);
    assert.deepEqual(take(text), { plain: text, trace: undefined });
  });
}

test('a message that somebody wrote anew, with the field in front, still gives up its trace', () => {
  const { _trace, ...others } = JSON.parse(send('{"a":1,"b":2}'));
  const got = take(JSON.stringify({ _trace, ...others }));
  assert.deepEqual(JSON.parse(got.plain), { a: 1, b: 2 });
  assert.equal(got.trace, _trace.traceparent.split('-')[1]);
});

for (const [moved, plain] of [
  ['{"_trace":T,"price":0.10}', '{"price":0.10}'], ['{"a":1e400, "_trace": T , "n":12345678901234567890}', '{"a":1e400,"n":12345678901234567890}'],
  ['{"_trace":7,"_trace":T}', '{}'], ['{"a":0.10,"_trace":1,"_trace":T,"b":"\\"_trace\\":1"}', '{"a":0.10,"b":"\\"_trace\\":1"}'], ['{ "_trace" : T }', '{  }'],
]) {
  test(`the trace in ${moved} is taken out, and every digit of the rest stays`, () => {
    const { _trace } = JSON.parse(send('{}'));
    assert.equal(take(moved.replace('T', JSON.stringify(_trace))).plain, plain);
  });
}

test('bytes that are no UTF-8 arrive as they were sent', () => {
  const message = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]), Buffer.from('","price":0.10}')]);
  assert.deepEqual(take(send(message)).plain, message);
});

test('an object that lies very deep in itself is sent and taken, and nothing is thrown', () => {
  const text = `${'{"a":'.repeat(20000)}0.10${'}'.repeat(20000)}`;
  assert.equal(take(send(text)).plain, text);
  const { _trace } = JSON.parse(send('{}'));
  assert.equal(take(`{"_trace":${JSON.stringify(_trace)},"in":${text}}`).plain, `{"in":${text}}`);
});

test('what a subscriber throws or rejects reaches its caller', async () => {
  const sent = send('{"a":1}');
  assert.throws(() => receive('topic', sent, () => { throw new Error('refused'); }), /refused/);
  await assert.rejects(receive('topic', sent, async () => { throw new Error('later'); }), /later/);
});
