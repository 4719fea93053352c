'use strict';

const assert = require('node:assert/strict');
const { createServer } = require('node:net');
const { join } = require('node:path');
const { test } = require('node:test');
const { startGrpcReceiver } = require('./support/otlp');
const { freePort, Program, REGISTER, startScript, until } = require('./support/processes');

const SERVICE = `
  require('node:http').createServer((request, response) => { console.log('asked'); response.end('fine'); })
    .listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up'));
`;

const warnings = (program) => program.records.filter(({ level, logger }) => level === 'warning' && logger === 'atlas.instrumentation').map(({ message }) => message);

/** Starts the service, has it answer, and gives the warnings of the instrumentation. */
async function serving(env, script = SERVICE) {
  const program = await startScript(script, { env });
  await program.saying('up');
  assert.equal(await (await fetch(program.url)).text(), 'fine');
  await program.saying('asked');
  return program;
}

test('a service without anything wrong is told nothing', async () => {
  const program = await serving({});
  await program.stop();
  assert.deepEqual(warnings(program), []);
});

test('without a Collector the service runs and says so once, and says when it is there', async () => {
  const port = await freePort();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_TIMEOUT: '300', OTEL_BSP_SCHEDULE_DELAY: '50' };
  const program = await serving(env);
  await program.saying('No traces reach');
  for (let n = 0; n < 5; n += 1) {
    await fetch(program.url);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.deepEqual(warnings(program), [`No traces reach http://127.0.0.1:${port}; the service goes on without them.`]);
  const begin = Date.now();
  assert.deepEqual(await program.stop(), { code: null, signal: 'SIGTERM' });
  assert.ok(Date.now() - begin < 3000, 'it ends in time');
});

test('when the Collector comes the traces go on', async () => {
  const receiver = await startGrpcReceiver();
  const { url, port } = receiver;
  receiver.stop();
  const program = await serving({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: '300', OTEL_BSP_SCHEDULE_DELAY: '50' });
  await program.saying('No traces reach');
  const back = await startGrpcReceiver(port);
  await until(async () => {
    await fetch(program.url);
    return program.find(({ message }) => message === `Traces reach ${url} again.`);
  }, 'the traces');
  assert.ok(back.spans.length > 0);
  await program.stop();
  back.stop();
});

test('a metrics port that somebody has costs the metrics and one warning', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  const program = await serving({ METRICS_PORT: String(port) });
  await until(() => warnings(program).length > 0, 'the warning');
  await program.stop();
  other.close();
  assert.deepEqual(warnings(program), [`No metrics on port ${port}: it cannot be opened. The service goes on without them.`]);
});

test('a service that itself wants the metrics port gets it, whenever it asks', async () => {
  const port = await freePort();
  const program = await serving({ METRICS_PORT: String(port), PORT: String(port) }, `setTimeout(() => { ${SERVICE} }, 200)`);
  await program.stop();
  assert.deepEqual(warnings(program), [`No metrics on port ${port}: the service itself listens there.`]);
});

test('METRICS_PORT=off opens no port', async () => {
  const program = await serving({ METRICS_PORT: 'off' });
  await program.stop();
  assert.deepEqual(warnings(program), []);
});

for (const [name, value, expected] of [
  ['LOG_LEVEL', 'loud', 'LOG_LEVEL is "loud", expected debug, info, warning, error or critical; using info.'],
  ['METRICS_PORT', 'abc', 'METRICS_PORT is "abc", expected a whole number from 1 to 65535; using 9464.'],
  ['METRICS_PORT', '70000', 'METRICS_PORT is "70000", expected a whole number from 1 to 65535; using 9464.'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'otel-collector:4317', 'OTEL_EXPORTER_OTLP_ENDPOINT is "otel-collector:4317", expected a URL such as http://otel-collector:4317; it is ignored.'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'pigeon', 'OTEL_EXPORTER_OTLP_PROTOCOL is "pigeon", expected grpc, http/protobuf; using grpc.'],
  ['TRACE_REDIS_MESSAGES', 'maybe', 'TRACE_REDIS_MESSAGES is "maybe", expected true or false; using false.'],
  ['ATLAS_COOKIES', 'crumbly', 'ATLAS_COOKIES is "crumbly", expected auto, strict, off; using auto.'],
  ['ATLAS_FLUSH_TIMEOUT_MS', '-1', 'ATLAS_FLUSH_TIMEOUT_MS is "-1", expected a whole number from 1 to 60000; using 2000.'],
]) {
  test(`${name}=${value} is said once, and the service runs`, async () => {
    // Where the port falls back to the default, an address of its own: whoever else runs here may have that port.
    const program = await serving({ METRICS_HOST: `127.${1 + (process.pid % 250)}.0.1`, [name]: value });
    await fetch(program.url);
    await program.stop();
    assert.deepEqual(warnings(program), [expected]);
  });
}

for (const [name, value] of [['OTEL_TRACES_SAMPLER', 'sometimes'], ['OTEL_RESOURCE_ATTRIBUTES', 'no-pairs,=,%%%'], ['OTEL_BSP_SCHEDULE_DELAY', 'soon']]) {
  test(`${name}=${value}, which OpenTelemetry reads, breaks nothing`, async () => {
    const program = await serving({ [name]: value, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    await program.stop();
    for (const [at, message] of warnings(program).entries()) assert.equal(warnings(program).indexOf(message), at, 'said once');
  });
}

test('ATLAS_INSTRUMENTATION=off leaves the service as it is', async () => {
  const program = await startScript("console.log('plain'); console.error('text')", { env: { ATLAS_INSTRUMENTATION: 'off' } });
  await program.ended;
  assert.equal(program.stdout, 'plain\n');
  assert.equal(program.stderr, 'text\n');
});

for (const [module, left] of [['prom-client', 'asked'], ['@opentelemetry/sdk-trace-node', 'asked'], ['pino', undefined], ['@opentelemetry/api', undefined]]) {
  test(`without its own ${module} the rest goes on, with one warning`, async () => {
    const port = await freePort();
    const program = new Program(process.execPath, ['--require', join(__dirname, 'support', 'break.js'), '--require', REGISTER, '--eval', SERVICE], {
      env: { PATH: process.env.PATH, PORT: String(port), METRICS_PORT: String(await freePort()), METRICS_HOST: '127.0.0.1', BROKEN_MODULE: module },
    });
    const lines = () => program.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    await until(async () => /"up"|^up$/m.test(program.stdout) && (await (await fetch(`http://127.0.0.1:${port}`)).text()) === 'fine', 'an answer');
    await program.stop();
    const said = lines().filter(({ level }) => level === 'warning');
    assert.equal(said.length, 1, program.stdout);
    assert.match(said[0].message, /^No (instrumentation|metrics|traces): Cannot find module .* The service goes on without\.$/);
    assert.equal(lines().some(({ message }) => message === 'asked'), left !== undefined);
  });
}

test('a child leaves the metrics port to its parent', async () => {
  const program = await startScript(`
    require('node:child_process').spawn(process.execPath, ['--require', ${JSON.stringify(REGISTER)}, '--eval', "console.log('child')"], { stdio: 'inherit' })
      .on('close', () => console.log('parent'));
  `);
  await program.ended;
  assert.deepEqual(program.records.map(({ message }) => message), ['child', 'parent']);
});
