'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { startHttpReceiver } = require('./support/otlp');
const { startHost, until } = require('./support/processes');
const { startRedis } = require('./support/servers');

let receiver;
let redis;
let host;

before(async () => {
  [receiver, redis] = await Promise.all([startHttpReceiver(), startRedis()]);
  host = await startHost(['server.js'], {
    cwd: join(__dirname, 'hosts', 'esm'),
    env: {
      REDIS_PORT: String(redis.port), TRACE_REDIS_MESSAGES: 'true', OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    },
  });
  await host.saying('esm ready');
});

after(async () => {
  await host?.stop();
  await redis?.stop();
  receiver?.stop();
});

test('an ES module on Express 5 has templates of routes, ids in its lines, and its own metrics beside ours', async () => {
  await fetch(`${host.url}/items/5`, { headers: { 'x-request-id': 'esm-1' } });
  const line = await until(() => host.find((each) => each.request_id === 'esm-1'), 'the line');
  assert.equal(line.message, 'item');
  assert.equal(line.item, '5');
  const text = await until(async () => {
    const scraped = await host.metrics();
    return scraped.includes('http_requests_total{') && scraped;
  }, 'the request');
  assert.match(text, /http_requests_total\{method="GET",route="\/items\/:item",status="200"\} 1/);
  assert.match(text, /^stranger_things_total 1$/m);
  assert.equal(text.match(/^process_start_time_seconds /gm).length, 1);
});

test('a function imported from node:http hands the trace on, and the spans come by OTLP over HTTP', async () => {
  const seen = await (await fetch(`${host.url}/call`)).json();
  const trace = seen.traceparent.split('-')[1];
  const root = await receiver.waitFor((span) => span.trace === trace && span.name === 'GET /call', 'the request');
  await receiver.waitFor((span) => span.trace === trace && span.kind === 'CLIENT' && span.parent === root.id, 'the call');
});

test('an imported ioredis publishes in its trace', async () => {
  await fetch(`${host.url}/items/6`, { method: 'POST' });
  const sent = await receiver.waitFor((span) => span.name === 'publish items', 'the publication');
  const request = await receiver.waitFor((span) => span.name === 'POST /items/:item', 'the request');
  assert.equal(sent.parent, request.id);
});

const WAYS = {
  'a module by its ending': ['ways/module.mjs'],
  'a module by its syntax alone': ['ways/plain/index.js'],
  'a folder whose package.json says nothing': ['ways/plain'],
  'a folder whose package.json says module': ['ways/package'],
  'a file without its ending': ['ways/package/index'],
  'a preload': ['--import', './ways/module.mjs', 'ways/empty.cjs'],
  'CommonJS that imports later': ['ways/late.cjs'],
};

for (const [name, args] of Object.entries(WAYS)) {
  test(`routes are templates where an ES module is started as ${name}`, async () => {
    const started = await startHost(args, { cwd: join(__dirname, 'hosts', 'esm') });
    await started.saying('esm ready');
    await fetch(`${started.url}/things/4`);
    await until(async () => /http_requests_total\{method="GET",route="\/things\/:thing",status="200"\} 1/.test(await started.metrics()), 'the request by its route');
    await started.stop();
  });
}
