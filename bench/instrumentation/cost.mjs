// What the instrumentation costs: the same service with and without it, in alternating rounds, driven by a closed loop.
// `make bench-instrumentation`, or: node cost.mjs node|python [--rounds 7] [--seconds 4] [--connections 10] [--wait 20]
//                                                            [--against REVISION | --outage]
// With --against, also the package of that revision in the same rounds. With --outage, what a lost gateway costs: the instrumented
// service while the gateway takes spans, refuses connections, and takes requests that it never answers.
// Ends with 1 where the median of a ratio misses its goal.

import { fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commands, LANGUAGES } from './packages.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
/** Of a ratio to the first side: at least for `throughput`, at most for the others. */
const GOALS = { cost: { throughput: 0.9, p95: 1.1 }, outage: { throughput: 0.95, p95: 1.05 } };
/** Of the ratio to the earlier package, at most. Memory has room for what two runs differ by. */
const GOALS_AGAINST = { node: { processor: 0.8, resident: 1.02 }, python: { processor: 0.85, resident: 1.02 } };
/** With a shorter wait the service is at its limit: throughput is what it keeps, and waiting for the processor makes its latency. */
const LIMIT_WAIT = 10;
const WARM_SECONDS = 2;
const START_SECONDS = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' }, connections: { type: 'string', default: '10' },
    wait: { type: 'string', default: '20' }, against: { type: 'string' }, outage: { type: 'boolean', default: false },
  },
});
const [count, seconds, connections, wait] = ['rounds', 'seconds', 'connections', 'wait'].map((name) => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is "${values[name]}", expected a whole number from 1`);
  return value;
});
const [language] = positionals;
if (positionals.length !== 1 || !LANGUAGES.includes(language)) throw new Error(`which one? ${LANGUAGES.join(' or ')}`);
if (values.against && values.outage) throw new Error('--against or --outage, one of them');

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

const { without, before, now } = commands(language, values.against);
const [answering, hanging] = [await gateway(), await gateway('hanging')];
const metricsPort = String(await freePort());
const instrumented = (port) => ({
  OTEL_SERVICE_NAME: 'bench', METRICS_PORT: metricsPort, METRICS_HOST: '127.0.0.1',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
});
/** By name, command and environment; the first is what the others are compared with. */
const sides = values.outage
  ? { answered: [now, instrumented(answering.port)], refused: [now, instrumented(await freePort())], hanging: [now, instrumented(hanging.port)] }
  : { without: [without, {}], ...(before && { before: [before, instrumented(answering.port)] }), now: [now, instrumented(answering.port)] };
const names = Object.keys(sides);
const rounds = [];
for (let number = 0; number < count; number += 1) {
  // Each goes first in turn, so that a slowly changing machine favours none.
  const round = {};
  for (let at = 0; at < names.length; at += 1) {
    const name = names[(number + at) % names.length];
    round[name] = await measure(...sides[name]);
  }
  rounds.push(round);
  console.log(`round ${number + 1}: ${names.map((name) => `${name} ${round[name].rate.toFixed(0)}/s p95 ${round[name].p95.toFixed(2)} ms ${round[name].resident.toFixed(0)} MiB`).join(', ')}`);
}
if (await answering.batches() === 0) throw new Error('No spans arrived: the instrumented side did not do its work');
if (values.outage && await hanging.batches() === 0) throw new Error('Nobody asked the hanging gateway');
for (const child of [answering, hanging]) child.stop();

const [base, ...others] = names;
const goals = values.outage ? GOALS.outage : GOALS.cost;
const each = (key, digits) => names.map((name) => `${show(rounds.map((round) => round[name][key]), digits)} ${name}`).join(', ');
const ratios = (key, name, to = base) => rounds.map((round) => round[name][key] / round[to][key]);
const toBase = (key) => others.map((name) => `${name} to ${base} ${show(ratios(key, name))}`).join(', ');
console.log(`\n${language}: ${count} rounds of ${seconds} s, ${connections} connections, a wait of ${wait} ms, medians (lowest to highest)`);
console.log(`throughput  requests/s: ${each('rate', 0)}: ${toBase('rate')}, goal ${goals.throughput}`);
console.log(`p95         ms: ${each('p95', 2)}: ${toBase('p95')}${wait < LIMIT_WAIT ? '' : `, goal ${goals.p95}`}`);
console.log(`processor   ms for a request: ${each('processor', 2)}`);
console.log(`memory      MiB: ${each('resident', 0)}`);

/** Before is there to be compared with, and has no goals. */
const judged = others.filter((name) => name !== 'before');
const missed = judged.flatMap((name) => [
  median(ratios('rate', name)) < goals.throughput && `throughput of ${name}`,
  wait >= LIMIT_WAIT && median(ratios('p95', name)) > goals.p95 && `p95 of ${name}`,
]);
if (before) {
  const against = GOALS_AGAINST[language];
  const toBefore = (key) => show(ratios(key, 'now', 'before'));
  console.log(`now to ${values.against}: throughput ${toBefore('rate')}, processor ${toBefore('processor')}, goal ${against.processor}, memory ${toBefore('resident')}, goal ${against.resident}`);
  missed.push(...Object.keys(against).map((key) => median(ratios(key, 'now', 'before')) > against[key] && `${key} against ${values.against}`));
}
for (const what of missed.filter(Boolean)) console.log(`missed: ${what}`);
process.exitCode = missed.some(Boolean) ? 1 : 0;
