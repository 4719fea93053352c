'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { startHttpReceiver } = require('./support/otlp');
const { startHost, startScript, until } = require('./support/processes');

const WAYS = ['fetch', 'headers', 'undici', 'capitals', 'http', 'array', 'letters', 'axios'];
const CALLER = '00000000000000ab';

let receiver;

before(async () => {
  receiver = await startHttpReceiver();
});

after(() => receiver?.stop());

const start = (host, args = ['server.js'], { preload = true, ...env } = {}) => startHost(args, {
  cwd: join(__dirname, 'hosts', host),
  preload,
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_BSP_SCHEDULE_DELAY: '100', ...env },
});

/** Asks within a trace of its own, whose id is given back with the answer. */
async function ask(host, path) {
  const id = randomBytes(16).toString('hex');
  const headers = { traceparent: `00-${id}-${CALLER}-01`, tracestate: 'vendor=1', baggage: 'desk=4' };
  return { id, seen: await (await fetch(`${host.url}${path}`, { headers })).json() };
}

/** Every way of calling: one span of each side, and the headers of ours alone. */
async function callsOnce(host) {
  for (const way of WAYS) {
    for (const query of ['', '?forward']) {
      const { id, seen } = await ask(host, `/${way}${query}`);
      const of = (span) => span.trace === id && span.kind !== 'INTERNAL';
      const answered = await receiver.waitFor((span) => of(span) && span.name === `GET /${way}`, `the span of ${way}${query}`);
      const echo = await receiver.waitFor((span) => of(span) && span.name === 'GET /echo', `the callee's span of ${way}${query}`);
      const called = await receiver.waitFor((span) => of(span) && span.kind === 'CLIENT', `the call of ${way}${query}`);
      assert.deepEqual(seen, { traceparent: [`00-${id}-${called.id}-01`], tracestate: ['vendor=1'], baggage: ['desk=4'] }, `${way}${query}`);
      assert.deepEqual([echo.parent, called.parent, answered.parent], [called.id, answered.id, CALLER], `${way}${query}`);
      assert.equal(receiver.spans.filter(of).length, 3, `${way}${query}`);
    }
  }
}

/** What the package says of the host's SDK: one line, and nothing of the API's own complaints. */
function saysOnce(host) {
  const said = host.records.filter((each) => each.logger === 'atlas.instrumentation');
  assert.deepEqual(said.map((each) => each.message.includes('SDK of its own')), [true], host.stdout);
}

for (const host of ['otel1', 'otel3']) {
  test(`a service that starts its own SDK (${host}) has one span a call, and one header leaves it`, async () => {
    const running = await start(host);
    await running.saying('listening');
    await callsOnce(running);
    const { seen } = await ask(running, '/own');
    const own = await receiver.waitFor((span) => span.trace === seen.trace && span.name === 'own work', 'the span that the service made itself');
    assert.equal(own.resource['service.name'], 'stranger');
    saysOnce(running);
    await running.stop();
  });
}

test('a service that starts its SDK late has them too', async () => {
  const running = await start('otel3', ['server.js'], { TRACING: 'late' });
  await running.saying('listening');
  await callsOnce(running);
  saysOnce(running);
  await running.stop();
});

test('what only the service\'s own instrumentations know are spans in the same trace', async () => {
  const running = await start('otel3', ['koa.js']);
  await running.saying('listening');
  const id = randomBytes(16).toString('hex');
  assert.equal(await (await fetch(running.url, { headers: { traceparent: `00-${id}-${CALLER}-01` } })).text(), 'koa');
  const request = await receiver.waitFor((span) => span.trace === id && span.kind === 'SERVER', 'the request');
  const layer = await receiver.waitFor((span) => span.trace === id && span.name === 'middleware - answer', 'the layer of Koa');
  assert.equal(layer.parent, request.id);
  await running.stop();
});

test('an SDK that was started first goes on alone, and one line says so', async () => {
  const running = await start('otel3', ['--require', './tracing.js', '--require', '../../../register.js', 'server.js'], { preload: false });
  await running.saying('listening');
  const said = running.records.filter((each) => each.logger === 'atlas.instrumentation');
  assert.deepEqual(said.map((each) => /before this package/.test(each.message)), [true], running.stdout);
  const { id, seen } = await ask(running, '/fetch');
  assert.equal(seen.traceparent.length, 1);
  await receiver.waitFor((span) => span.trace === id && span.kind === 'CLIENT', 'the call');
  assert.equal(receiver.spans.filter((span) => span.trace === id && span.kind === 'CLIENT').length, 1);
  await running.stop();
});

test('with this package off, the service\'s own SDK works as without it', async () => {
  const running = await start('otel3', ['server.js'], { ATLAS_INSTRUMENTATION: 'off' });
  await until(() => running.stdout.includes('listening'), 'the service');
  const { id, seen } = await ask(running, '/http');
  assert.equal(seen.traceparent.length, 1);
  const call = await receiver.waitFor((span) => span.trace === id && span.kind === 'CLIENT', 'the call');
  assert.ok(seen.traceparent[0].includes(call.id));
  await running.stop();
});

test('with OTEL_SDK_DISABLED no span is made and no header leaves; a provider that the service registers by hand works', async () => {
  const running = await start('otel1', ['server.js'], { OTEL_SDK_DISABLED: 'true' });
  await running.saying('listening');
  const before = receiver.spans.length;
  const { id, seen } = await ask(running, '/http');
  assert.equal(seen.traceparent.length, 1);
  await until(() => running.stdout.includes(id), 'the span that its own exporter prints');
  assert.equal(receiver.spans.length, before);
  await running.stop();
});

test('two copies of OpenTelemetry in one service each keep their own base class', async () => {
  const running = await startScript(`
    const bases = ['otel1', 'otel3'].map((host) => require('./' + host + '/node_modules/@opentelemetry/instrumentation').InstrumentationBase);
    const made = bases.map((base) => new (class extends base { init() { return []; } })('stranger', '1.0.0', {}));
    console.log('both copies', { own: bases.map((base, at) => made.map((each) => each instanceof base)[at]), other: made[1] instanceof bases[0] });
  `, { cwd: join(__dirname, 'hosts') });
  const { own, other } = await running.saying('both copies');
  assert.deepEqual([own, other], [[true, true], false]);
  await running.ended;
});
