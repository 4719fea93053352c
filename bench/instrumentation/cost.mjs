// What the instrumentation costs: the same service with and without it, in alternating rounds, driven by a closed loop.
// `make bench-instrumentation`, or: node cost.mjs node|python [--pairs 7] [--seconds 4] [--connections 10] [--wait 20] [--outage]
// With --outage, what a lost gateway costs: the instrumented service while the gateway takes spans, refuses connections, and takes
// requests that it never answers. Ends with 1 where the median of a ratio misses its goal.

import { execFileSync, fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, '..', '..', 'images', 'instrumentation');
const GOALS = { cost: { throughput: 0.9, p95: 1.1 }, outage: { throughput: 0.95, p95: 1.05 } };
const WARM_SECONDS = 2;
const START_SECONDS = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pairs: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' }, connections: { type: 'string', default: '10' }, wait: { type: 'string', default: '20' }, outage: { type: 'boolean', default: false } },
});
const [pairs, seconds, connections, wait] = ['pairs', 'seconds', 'connections', 'wait'].map((name) => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is "${values[name]}", expected a whole number from 1`);
  return value;
});

/** By language: the command of the service without and with its instrumentation. */
const SERVICES = {
  node: () => {
    const service = join(HERE, 'service.cjs');
    return { without: [process.execPath, service], with: [process.execPath, '--require', join(PACKAGES, 'node', 'register.js'), service] };
  },
  python: () => {
    const installed = execFileSync('python3', [join(PACKAGES, 'python', 'tests', 'installed.py')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    // Installed in both: it is there for every program of the environment, and idle where no service is named.
    const command = [installed.trim(), join(HERE, 'service.py')];
    return { without: command, with: command };
  },
};
const [language] = positionals;
if (positionals.length !== 1 || !(language in SERVICES)) throw new Error(`which one? ${Object.keys(SERVICES).join(' or ')}`);

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** The service, with its stdout read and dropped as a container runtime would read it. */
async function start(command, environment) {
  const port = await freePort();
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), WAIT_MS: String(wait), ...environment },
  });
  let lines = 0;
  child.stdout.on('data', (chunk) => { for (const byte of chunk) if (byte === 10) lines += 1; });
  for (const end = Date.now() + START_SECONDS * 1000; ;) {
    if (child.exitCode !== null) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`);
    if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) break;
    if (Date.now() > end) throw new Error(`${command.join(' ')} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    port,
    lines: () => lines,
    /** Milliseconds of processor time so far; the kernel counts in hundredths of a second. */
    busy: () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0),
    resident: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024,
    stop: () => new Promise((resolve) => { child.once('exit', resolve); child.kill(); }),
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

async function measure(command, environment) {
  const service = await start(command, environment);
  try {
    await drive(service.port, WARM_SECONDS * 1000);
    const [before, busy] = [service.lines(), service.busy()];
    const result = await drive(service.port, seconds * 1000);
    const processor = (service.busy() - busy) / result.count;
    const resident = service.resident();
    if (service.lines() - before < result.count * 0.95) throw new Error('Not every request was logged');
    return { ...result, processor, resident };
  } finally {
    await service.stop();
  }
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const show = (list, digits = 2) => `${median(list).toFixed(digits)} (${Math.min(...list).toFixed(digits)} to ${Math.max(...list).toFixed(digits)})`;

/** Takes spans at `port`; `hanging` leaves each request without an answer. */
async function gateway(...how) {
  const child = fork(join(HERE, 'receiver.cjs'), how);
  const port = await new Promise((resolve) => child.once('message', resolve));
  const batches = () => new Promise((resolve) => { child.once('message', (told) => resolve(told.batches)); child.send('tell'); });
  return { port, batches, stop: () => child.kill() };
}

const commands = SERVICES[language]();
const [answering, hanging] = [await gateway(), await gateway('hanging')];
const metricsPort = String(await freePort());
const instrumented = (port) => ({
  OTEL_SERVICE_NAME: 'bench', METRICS_PORT: metricsPort, METRICS_HOST: '127.0.0.1',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
});
/** By name, command and environment; the first is what the others are compared with. */
const sides = values.outage
  ? { answered: [commands.with, instrumented(answering.port)], refused: [commands.with, instrumented(await freePort())], hanging: [commands.with, instrumented(hanging.port)] }
  : { without: [commands.without, {}], with: [commands.with, instrumented(answering.port)] };
const names = Object.keys(sides);
const rounds = [];
for (let pair = 0; pair < pairs; pair += 1) {
  // Each goes first in turn, so that a slowly changing machine favours none.
  const round = {};
  for (let at = 0; at < names.length; at += 1) {
    const name = names[(pair + at) % names.length];
    round[name] = await measure(...sides[name]);
  }
  rounds.push(round);
  console.log(`round ${pair + 1}: ${names.map((name) => `${name} ${round[name].rate.toFixed(0)}/s p95 ${round[name].p95.toFixed(2)} ms ${round[name].resident.toFixed(0)} MiB`).join(', ')}`);
}
if (await answering.batches() === 0) throw new Error('No spans arrived: the instrumented side did not do its work');
if (values.outage && await hanging.batches() === 0) throw new Error('Nobody asked the hanging gateway');
for (const child of [answering, hanging]) child.stop();

const [base, ...others] = names;
const goals = values.outage ? GOALS.outage : GOALS.cost;
const each = (key, digits) => names.map((name) => `${show(rounds.map((round) => round[name][key]), digits)} ${name}`).join(', ');
const ratios = (key, name) => rounds.map((round) => round[name][key] / round[base][key]);
const ratio = (key, goal) => others.map((name) => `${name} to ${base} ${show(ratios(key, name))}`).join(', ') + `, goal ${goal}`;
console.log(`\n${language}: ${pairs} rounds of ${seconds} s, ${connections} connections, a wait of ${wait} ms, medians (lowest to highest)`);
console.log(`throughput  requests/s: ${each('rate', 0)}: ${ratio('rate', goals.throughput)}`);
console.log(`p95         ms: ${each('p95', 2)}: ${ratio('p95', goals.p95)}`);
console.log(`processor   ms for a request: ${each('processor', 2)}`);
console.log(`memory      MiB: ${each('resident', 0)}`);
process.exitCode = others.every((name) => median(ratios('rate', name)) >= goals.throughput && median(ratios('p95', name)) <= goals.p95) ? 0 : 1;
