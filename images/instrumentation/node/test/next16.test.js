'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { startHttpReceiver } = require('./support/otlp');
const { freePort, REGISTER, startHost, until } = require('./support/processes');

let receiver;
let host;

before(async () => {
  receiver = await startHttpReceiver();
  const port = await freePort();
  host = await startHost([join('node_modules', 'next', 'dist', 'bin', 'next'), 'start', '--hostname', '127.0.0.1', '--port', String(port)], {
    cwd: join(__dirname, 'hosts', 'next16'),
    preload: false,
    env: {
      NODE_OPTIONS: `--require ${REGISTER}`, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', PORT: String(port),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_BSP_SCHEDULE_DELAY: '100',
    },
  });
  await host.saying('Ready in');
});

after(async () => {
  await host?.stop();
  receiver?.stop();
});

/** Asks within a trace of its own; its id and the answer. */
async function ask(path, headers = {}) {
  const id = randomBytes(16).toString('hex');
  const answer = await fetch(host.url + path, { headers: { traceparent: `00-${id}-00000000000000ab-01`, ...headers } });
  return { id, answer };
}

test('routes of both routers are templates, in metrics and in the one span of a server', async () => {
  for (const [path, route] of [['/api/orders/7', '/api/orders/[id]'], ['/shop/green', '/shop/[slug]']]) {
    const { id, answer } = await ask(path);
    await answer.text();
    await receiver.waitFor((span) => span.trace === id && span.kind === 'SERVER' && span.name === `GET ${route}`, route);
    assert.equal(receiver.in(id).filter((span) => span.kind === 'SERVER').length, 1);
    await until(async () => (await host.metrics()).includes(`http_requests_total{method="GET",route="${route}",status="200"} 1`), `${route} in the metrics`);
  }
});

for (const forwarded of ['', '1']) {
  test(`with an SDK in its own instrumentation hook a call is one span, and one header leaves${forwarded && ', also where the caller\'s is passed on'}`, async () => {
    const { id, answer } = await ask('/api/calling', { 'x-forward': forwarded });
    const sent = await answer.json();
    const echo = await receiver.waitFor((span) => span.trace === id && span.kind === 'SERVER' && span.name === 'GET /api/headers', 'the callee');
    const call = await receiver.waitFor((span) => span.trace === id && span.kind === 'CLIENT' && span.name === 'GET', 'the call');
    assert.deepEqual(sent, [`00-${id}-${call.id}-01`]);
    assert.equal(echo.parent, call.id);
    // Next.js' own span of its fetch is around it.
    assert.equal(receiver.in(id).filter((span) => span.kind === 'CLIENT').length, 2);
    assert.equal(receiver.in(id).filter((span) => span.kind === 'SERVER').length, 2);
  });
}
