'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const net = require('node:net');
const http = require('node:http');
const { startHttpReceiver } = require('./support/otlp');
const { startScript, until } = require('./support/processes');

const HOST = `
  const http = require('node:http');
  const { createHash } = require('node:crypto');
  const server = http.createServer((req, res) => {
    if (req.url === '/never') return;
    if (req.url === '/big') { res.writeHead(200); res.write('x'.repeat(1e6)); return; }
    if (req.url === '/broken') { res.writeHead(200); res.write('x'); setTimeout(() => res.destroy(), 20); return; }
    if (req.url === '/late') { setTimeout(() => { res.writeHead(500); res.end(); }, 50); return; }
    res.end('ok');
  });
  server.on('upgrade', (req, socket) => {
    if (req.url === '/no') return socket.end(['HTTP/1.1 401 Unauthorized', 'Content-Length: 0', 'Connection: close', '', ''].join('\\r\\n'));
    socket.write(['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', '', ''].join('\\r\\n'));
    socket.write('hello');
  });
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up'));
`;

let receiver;
let host;

before(async () => {
  receiver = await startHttpReceiver();
  host = await startScript(HOST, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_BSP_SCHEDULE_DELAY: '100' } });
  await host.saying('up');
});

after(async () => {
  await host?.stop();
  receiver?.stop();
});

/** Leaves as soon as something came, or after the request went out where nothing ever comes. */
const leave = (path, when) => new Promise((resolve) => {
  const socket = net.connect(host.port, '127.0.0.1', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, () => { if (when === 'asked') setTimeout(() => socket.destroy(), 50); });
  });
  socket.on('data', () => socket.destroy());
  socket.on('close', resolve);
});

const upgrade = (path) => new Promise((resolve, reject) => {
  const request = http.get({ port: host.port, host: '127.0.0.1', path, headers: { connection: 'Upgrade', upgrade: 'websocket' } });
  request.on('upgrade', (answer, socket) => { socket.destroy(); resolve(answer.statusCode); });
  request.on('response', (answer) => { answer.resume(); resolve(answer.statusCode); });
  request.on('error', reject);
});

const counted = (status, times) => until(async () => {
  const text = await host.metrics();
  return text.includes(`http_requests_total{method="GET",route="unmatched",status="${status}"} ${times}\n`) && text;
}, async () => host.metrics());

const timed = (text, status) => text.includes(`http_request_duration_seconds_count{method="GET",route="unmatched",status="${status}"}`);

test('a client that leaves before it has its answer, or in the middle of it, is 499, is not timed and no failure', async () => {
  await leave('/never', 'asked');
  await leave('/big', 'answered');
  assert.ok(!timed(await counted(499, 2), 499));
  for (const path of ['/never', '/big']) {
    const span = await receiver.waitFor((each) => each.attributes['url.path'] === path, `the span of ${path}`);
    assert.equal(Number(span.attributes['http.response.status_code']), 499);
    assert.equal(span.failed, false);
  }
});

test('a service that fails late is told from a client that left', async () => {
  assert.equal((await fetch(`${host.url}/late`)).status, 500);
  assert.ok(timed(await counted(500, 1), 500));
});

test('an answer that the service breaks off is its failure', async () => {
  await assert.rejects(async () => (await fetch(`${host.url}/broken`)).text());
  await counted(500, 2);
  const span = await receiver.waitFor((each) => each.attributes['url.path'] === '/broken', 'the span');
  assert.equal(span.failed, true);
});

test('a client that resets its connection has left', async () => {
  await new Promise((resolve) => {
    const socket = net.connect(host.port, '127.0.0.1', () => socket.write('GET /never HTTP/1.1\r\nHost: a\r\n\r\n', () => setTimeout(() => socket.resetAndDestroy(), 50)));
    socket.on('close', resolve);
  });
  await counted(499, 3);
});

test('a websocket is counted once, as 101, and not timed; one that is refused by its status', async () => {
  assert.equal(await upgrade('/'), 101);
  assert.ok(!timed(await counted(101, 1), 101));
  const span = await receiver.waitFor((each) => Number(each.attributes['http.response.status_code']) === 101, 'the span');
  assert.equal(span.kind, 'SERVER');
  assert.equal(await upgrade('/no'), 401);
  await counted(401, 1);
});
