'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { join } = require('node:path');
const { startScript, until } = require('./support/processes');

const hosts = (name) => join(__dirname, 'hosts', name);

/** The guide's middleware for metrics, and websockets by `ws` where the host has it. */
const HOST = (bundle) => `
  const app = require('express')();
  app.use(require('${bundle}')({ includeMethod: true, includePath: true }));
  app.get('/orders/:id', (req, res) => res.json({}));
  const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
  if ('${bundle}' === 'express-prom-bundle-7') {
    const { WebSocketServer } = require('ws');
    new WebSocketServer({ server, perMessageDeflate: true }).on('connection', (socket) => socket.on('message', (text) => socket.send(String(text).toUpperCase())));
  }
`;

for (const [version, folder, bundle] of [[6, 'prom14', 'express-prom-bundle'], [7, 'processes', 'express-prom-bundle-7'], [8, 'processes', 'express-prom-bundle']]) {
  test(`express-prom-bundle ${version} keeps its page, and ours has each metric once, by method, route and status`, async () => {
    const host = await startScript(HOST(bundle), { cwd: hosts(folder) });
    await host.saying('listening');
    for (const id of [5, 6]) await (await fetch(`${host.url}/orders/${id}`)).text();
    const text = await until(async () => {
      const scraped = await host.metrics();
      return scraped.includes('http_requests_total{method="GET",route="/orders/:id",status="200"} 2\n') && scraped;
    }, 'the requests');
    const types = text.match(/^# TYPE \S+/gm);
    assert.deepEqual(types.filter((each, at) => types.indexOf(each) !== at), []);
    assert.match(text, /^http_request_duration_seconds_count\{method="GET",route="\/orders\/:id",status="200"\} 2$/m);
    assert.doesNotMatch(text, /status_code=/);
    assert.match(await (await fetch(`${host.url}/metrics`)).text(), /^http_request_duration_seconds_count\{status_code="200",method="GET",path="\/orders\/#val"\} 2$/m);
    assert.deepEqual(host.records.filter(({ level }) => level === 'warning' || level === 'error'), []);
    await host.stop();
  });
}

test('a service with ws speaks to its clients as without us, and each connection is one request of status 101', async () => {
  const host = await startScript(HOST('express-prom-bundle-7'), { cwd: hosts('processes') });
  await host.saying('listening');
  const WebSocket = require(join(hosts('processes'), 'node_modules', 'ws'));
  for (const length of [1, 100_000]) {
    const echoed = await new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}/feed`).on('error', reject);
      socket.on('open', () => socket.send('a'.repeat(length))).on('message', (text) => {
        resolve(String(text));
        socket.close();
      });
    });
    assert.equal(echoed, 'A'.repeat(length));
  }
  const text = await until(async () => {
    const scraped = await host.metrics();
    return scraped.includes('http_requests_total{method="GET",route="unmatched",status="101"} 2\n') && scraped;
  }, 'the connections');
  assert.doesNotMatch(text, /http_request_duration_seconds_count\{[^}]*status="101"/);
  await host.stop();
});
