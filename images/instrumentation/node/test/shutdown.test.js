'use strict';

const assert = require('node:assert/strict');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, before, test } = require('node:test');
const { startGrpcReceiver } = require('./support/otlp');
const { startHost, startScript } = require('./support/processes');

let receiver;

before(async () => {
  receiver = await startGrpcReceiver();
});

after(() => receiver.stop());

const serve = (more) => `
  const server = require('node:http').createServer((request, response) => response.end('fine'))
    .listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up'));
  ${more}
`;

let number = 0;

/** Starts a service whose spans wait for a long time, has it answer, stops it, and tells its end and whether its span came. */
async function stopped(more, { signal = 'SIGTERM', env = {} } = {}) {
  const program = await startScript(serve(more), { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '60000', ...env } });
  await program.saying('up');
  const trace = `${String((number += 1)).padStart(2, '0')}f7651916cd43dd8448eb211c80319c`;
  await (await fetch(program.url, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, connection: 'close' } })).text();
  assert.equal(receiver.in(trace).length, 0, 'the span waits');
  const begin = Date.now();
  const end = await program.stop(signal);
  return { end, milliseconds: Date.now() - begin, spans: receiver.in(trace).length, messages: program.records.map(({ message }) => message) };
}

test('a service without handlers ends by the signal, with its spans out', async () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const { end, spans } = await stopped('', { signal });
    assert.deepEqual(end, { code: null, signal });
    assert.equal(spans, 1);
  }
});

test('a handler that ends the process at once keeps its exit code, and the spans are out', async () => {
  const { end, spans, messages } = await stopped("process.on('SIGTERM', () => { console.log('bye'); process.exit(3); })");
  assert.deepEqual(end, { code: 3, signal: null });
  assert.equal(spans, 1);
  assert.equal(messages.at(-1), 'bye');
});

test('a handler that closes the server and lets the process run out ends with 0, and the spans are out', async () => {
  const { end, spans } = await stopped("process.on('SIGTERM', () => server.close(() => { process.exitCode = 0; }))");
  assert.deepEqual(end, { code: 0, signal: null });
  assert.equal(spans, 1);
});

test('a handler that takes its time is waited for', async () => {
  const { end, milliseconds, messages } = await stopped("process.on('SIGTERM', () => setTimeout(() => { console.log('drained'); process.exit(0); }, 700))");
  assert.deepEqual(end, { code: 0, signal: null });
  assert.ok(milliseconds >= 650);
  assert.equal(messages.at(-1), 'drained');
});

test('what a handler finishes after the signal is out as well, when it ends the process at last', async () => {
  const program = await startScript(`
    const server = require('node:http').createServer((request, response) => { console.log('asked'); setTimeout(() => response.end('fine'), 600); })
      .listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up'));
    process.on('SIGTERM', () => server.close(() => process.exit(0)));
  `, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '60000' } });
  await program.saying('up');
  const trace = 'adf7651916cd43dd8448eb211c80319c';
  const answer = fetch(program.url, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, connection: 'close' } });
  await program.saying('asked');
  const ended = program.stop('SIGTERM');
  assert.equal(await (await answer).text(), 'fine');
  assert.deepEqual(await ended, { code: 0, signal: null });
  assert.equal(receiver.in(trace).length, 1);
});

test('a library that ends the process only where nobody else listens does not see us', async () => {
  const { end, spans } = await stopped(`
    const own = () => {
      if (process.listeners('SIGTERM').length !== 1 || process.listenerCount('SIGTERM') !== 1) return;
      process.removeListener('SIGTERM', own);
      process.kill(process.pid, 'SIGTERM');
    };
    process.on('SIGTERM', own);
  `);
  assert.deepEqual(end, { code: null, signal: 'SIGTERM' });
  assert.equal(spans, 1);
});

test('where nobody takes the spans the end comes after the timeout at the latest', async () => {
  const { end, milliseconds } = await stopped('', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', ATLAS_FLUSH_TIMEOUT_MS: '400' } });
  assert.deepEqual(end, { code: null, signal: 'SIGTERM' });
  assert.ok(milliseconds < 1500, `${milliseconds} ms`);
});

test('the spans before a crash are out, and its exit code is 1', async () => {
  const { end, spans } = await stopped("process.on('SIGUSR2', () => { throw new Error('crash'); })", { signal: 'SIGUSR2' });
  assert.deepEqual(end, { code: 1, signal: null });
  assert.equal(spans, 1);
});

test('a program that runs to its end sends its spans and keeps its exit code', async () => {
  const before = receiver.spans.length;
  const program = await startScript("process.exitCode = 5; fetch(process.env.OTEL_EXPORTER_OTLP_ENDPOINT).catch(() => {})", { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '60000' } });
  assert.equal((await program.ended).code, 5);
  assert.equal(receiver.spans.slice(before).filter((span) => span.kind === 'CLIENT').length, 1);
});

for (const [how, primary] of [
  ['loses its primary, which Node ends by process.exit', "process.kill(process.pid, 'SIGKILL')"],
  ['is disconnected', 'worker.disconnect()'],
  ['is killed by its primary', 'worker.kill()'],
]) {
  test(`the spans of a cluster's worker that ${how} are out`, async () => {
    const trace = `${String((number += 1)).padStart(2, '0')}f7651916cd43dd8448eb211c80319c`;
    const folder = mkdtempSync(join(tmpdir(), 'atlas-cluster-'));
    writeFileSync(join(folder, 'host.js'), `
      const cluster = require('node:cluster');
      if (cluster.isPrimary) {
        const worker = cluster.fork();
        process.on('SIGUSR2', () => { ${primary}; });
      } else { ${serve('')} }
    `);
    const program = await startHost([join(folder, 'host.js')], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '60000' } });
    await program.saying('up');
    await (await fetch(program.url, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, connection: 'close' } })).text();
    assert.equal(receiver.in(trace).length, 0, 'the span waits');
    program.child.kill('SIGUSR2');
    await receiver.waitFor((span) => span.trace === trace, 'the span of the worker');
    await program.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  });
}
