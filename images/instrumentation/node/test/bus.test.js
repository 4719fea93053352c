'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { startGrpcReceiver } = require('./support/otlp');
const { startHost, until } = require('./support/processes');
const { startRabbit, startRedis } = require('./support/servers');

const cwd = join(__dirname, 'hosts', 'express4');
const TEXT = '{"order": 1, "price": 0.10, "big": 12345678901234567890}';

let receiver;
let redis;
let rabbit;
let api;
let worker;
let untouched;

before(async () => {
  [receiver, redis, rabbit] = await Promise.all([startGrpcReceiver(), startRedis(), startRabbit()]);
  const env = {
    REDIS_PORT: String(redis.port), AMQP_URL: rabbit.url, TRACE_REDIS_MESSAGES: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  worker = await startHost(['worker.js'], { cwd, env: { ...env, OTEL_SERVICE_NAME: 'workers' } });
  untouched = await startHost(['worker.js'], { cwd, env, preload: false });
  await worker.saying('worker ready');
  await until(() => untouched.stdout.includes('worker ready'), 'the uninstrumented worker');
  api = await startHost(['server.js'], { cwd, env: { ...env, OTEL_SERVICE_NAME: 'api' } });
  await api.saying('listening on');
});

after(async () => {
  for (const each of [api, worker, untouched]) await each?.stop();
  await redis?.stop();
  await rabbit?.stop();
  receiver?.stop();
});

/** Posts an order that is published by `bus`, and gives its trace. */
async function order(bus, trace) {
  const response = await fetch(`${api.url}/api/orders?bus=${bus}`, { method: 'POST', headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
  assert.equal(response.status, 201);
  return trace;
}

const heard = (by, trace) => until(() => worker.find((each) => each.by === by && each.trace_id === trace), () => `${by} in\n${worker.stdout}`);

for (const [publisher, subscribers, number] of [['ioredis', ['ioredis', 'redis'], '1'], ['redis', ['ioredis', 'redis'], '2'], ['amqp', ['amqp'], '3']]) {
  test(`one trace goes from a request by ${publisher} to ${subscribers.join(' and ')} with the right parents, and is in the logs of both`, async () => {
    const trace = await order(publisher, `${number}bf7651916cd43dd8448eb211c80319c`);
    const request = await receiver.waitFor((span) => span.trace === trace && span.kind === 'SERVER', 'the request');
    const sent = await receiver.waitFor((span) => span.trace === trace && span.kind === 'PRODUCER', 'the publication');
    assert.equal(sent.parent, request.id);
    assert.ok(api.find((each) => each.message === 'order accepted' && each.trace_id === trace));
    await until(() => receiver.in(trace).filter((span) => span.kind === 'CONSUMER').length === subscribers.length, 'the consumers');
    for (const span of receiver.in(trace).filter((each) => each.kind === 'CONSUMER')) {
      assert.equal(span.parent, sent.id);
      assert.equal(span.resource['service.name'], 'workers');
      assert.doesNotMatch(span.name, /amq\.gen/);
    }
    for (const by of subscribers) {
      const line = await heard(by, trace);
      assert.equal(line.text, TEXT, 'the message arrives as it was published, to the last digit');
    }
  });
}

test('a subscriber without instrumentation sees an ordinary object with one more field', async () => {
  untouched.stdout = '';
  await order('ioredis', '4bf7651916cd43dd8448eb211c80319c');
  const text = await until(() => /text:\s+'([^']*_trace[^']*)'/.exec(untouched.stdout)?.[1], 'the message');
  const { _trace, ...others } = JSON.parse(text);
  assert.deepEqual(others, JSON.parse(TEXT));
  assert.match(_trace.traceparent, /^00-4bf7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
});

test('a message that is no JSON object stays as it is', async () => {
  await order('plain', '5bf7651916cd43dd8448eb211c80319c');
  const line = await until(() => worker.find((each) => each.text === 'not json'), 'the message');
  assert.equal(line.trace_id, undefined);
});
