// What the Node preload costs: the same service with and without it, in alternating pairs, driven by a closed loop.
// Run after `npm ci && npm run pretest` in images/instrumentation/node. Options: --pairs 7 --seconds 4 --connections 10
// Ends with 1 where the median of a ratio misses its goal.

import { fork } from 'node:child_process';
import http from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const REGISTER = join(HERE, '..', '..', 'images', 'instrumentation', 'node', 'register.js');
const GOALS = { throughput: 0.9, p95: 1.1 };
const WARM_SECONDS = 2;

const { values } = parseArgs({ options: { pairs: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' }, connections: { type: 'string', default: '10' } } });
const [pairs, seconds, connections] = ['pairs', 'seconds', 'connections'].map((name) => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is "${values[name]}", expected a whole number from 1`);
  return value;
});

/** A child that tells its port, with its stdout read and dropped as a container runtime would read it. */
async function start(file, { env = {}, execArgv = [] } = {}) {
  const child = fork(join(HERE, file), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], execArgv, env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env } });
  let lines = 0;
  child.stdout.on('data', (chunk) => { for (const byte of chunk) if (byte === 10) lines += 1; });
  const port = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  return {
    port,
    child,
    lines: () => lines,
    stop: () => new Promise((resolve) => { child.removeAllListeners('exit').once('exit', resolve); child.kill(); }),
  };
}

const BODY = JSON.stringify({ product: 'BTC-USD', side: 'buy', size: 0.5, price: 64000.25, client: 'bench' });

/** Each connection sends its next request when it has its answer. Latencies in milliseconds. */
async function drive(port, milliseconds) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const latencies = [];
  const end = performance.now() + milliseconds;
  const one = (id) => new Promise((resolve, reject) => {
    const request = http.request(
      { port, host: '127.0.0.1', agent, method: 'POST', path: `/api/orders/${id}`, headers: { 'content-type': 'application/json', 'content-length': BODY.length } },
      (response) => {
        if (response.statusCode !== 200) reject(new Error(`The service answered ${response.statusCode}`));
        response.on('end', resolve).resume();
      },
    );
    request.on('error', reject).end(BODY);
  });
  await Promise.all(Array.from({ length: connections }, async (_, connection) => {
    for (let n = 0; performance.now() < end; n += 1) {
      const begin = performance.now();
      await one(connection * 1e6 + n);
      latencies.push(performance.now() - begin);
    }
  }));
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return { rate: (latencies.length * 1000) / milliseconds, p95: latencies[Math.floor(latencies.length * 0.95)], count: latencies.length };
}

async function measure(options) {
  const host = await start('node-host.cjs', options);
  try {
    await drive(host.port, WARM_SECONDS * 1000);
    const before = host.lines();
    const result = await drive(host.port, seconds * 1000);
    const rss = await (await fetch(`http://127.0.0.1:${host.port}/memory`)).json();
    if (host.lines() - before < result.count * 0.95) throw new Error('Not every request was logged');
    return { ...result, rss: rss / 2 ** 20 };
  } finally {
    await host.stop();
  }
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const show = (list, digits = 2) => `${median(list).toFixed(digits)} (${Math.min(...list).toFixed(digits)} to ${Math.max(...list).toFixed(digits)})`;

const receiver = await start('node-receiver.cjs');
const instrumented = {
  execArgv: ['--require', REGISTER],
  env: { OTEL_SERVICE_NAME: 'bench', METRICS_PORT: String(receiver.port + 1 < 65536 ? receiver.port + 1 : 9464), METRICS_HOST: '127.0.0.1', OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
};
const rounds = [];
for (let pair = 0; pair < pairs; pair += 1) {
  // Either goes first in turn, so that a slowly changing machine favours neither.
  const order = pair % 2 === 0 ? [['without', {}], ['with', instrumented]] : [['with', instrumented], ['without', {}]];
  const round = {};
  for (const [name, options] of order) round[name] = await measure(options);
  rounds.push(round);
  console.log(`pair ${pair + 1}: ${['without', 'with'].map((name) => `${name} ${round[name].rate.toFixed(0)}/s p95 ${round[name].p95.toFixed(2)} ms ${round[name].rss.toFixed(0)} MiB`).join(', ')}`);
}
receiver.child.send('tell');
const { batches } = await new Promise((resolve) => receiver.child.once('message', resolve));
await receiver.stop();
if (batches === 0) throw new Error('No spans arrived: the instrumented side did not do its work');

const throughput = rounds.map((round) => round.with.rate / round.without.rate);
const p95 = rounds.map((round) => round.with.p95 / round.without.p95);
console.log(`\n${pairs} pairs of ${seconds} s, ${connections} connections, medians (lowest to highest)`);
console.log(`throughput  ${show(rounds.map((r) => r.without.rate), 0)}/s without, ${show(rounds.map((r) => r.with.rate), 0)}/s with: ratio ${show(throughput)}, goal ${GOALS.throughput}`);
console.log(`p95         ${show(rounds.map((r) => r.without.p95))} ms without, ${show(rounds.map((r) => r.with.p95))} ms with: ratio ${show(p95)}, goal ${GOALS.p95}`);
console.log(`memory      ${show(rounds.map((r) => r.without.rss), 0)} MiB without, ${show(rounds.map((r) => r.with.rss), 0)} MiB with`);
process.exitCode = median(throughput) >= GOALS.throughput && median(p95) <= GOALS.p95 ? 0 : 1;
