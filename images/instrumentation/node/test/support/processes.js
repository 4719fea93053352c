'use strict';

const { spawn } = require('node:child_process');
const { createServer, connect } = require('node:net');
const { join } = require('node:path');

const REGISTER = join(__dirname, '..', '..', 'register.js');

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
}

/** Polls `condition` until it gives something, and fails with `what` after `seconds`. */
async function until(condition, what, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Not within ${seconds} s: ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const running = new Set();

// A failed test leaves its programs behind. They do not keep the run alive, and they end with it.
process.on('exit', () => {
  for (const each of running) each.kill('SIGKILL');
});

/** A started program: what it writes, and how it ends. */
class Program {
  stdout = '';
  stderr = '';
  #end;

  constructor(command, args, options = {}) {
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this.child);
    this.child.on('close', () => running.delete(this.child));
    this.child.stdout.on('data', (chunk) => (this.stdout += chunk));
    this.child.stderr.on('data', (chunk) => (this.stderr += chunk));
    this.#end = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
    for (const each of this.#handles()) each.unref();
  }

  #handles() {
    return [this.child, this.child.stdout, this.child.stderr];
  }

  /** Its exit code and signal. Who waits for them keeps the run alive. */
  get ended() {
    for (const each of this.#handles()) each.ref();
    return this.#end;
  }

  /** Every line on stdout as an object; a line that is no JSON object fails the test. */
  get records() {
    return this.stdout.split('\n').slice(0, -1).map((line) => {
      const record = JSON.parse(line);
      if (typeof record !== 'object' || record === null || Array.isArray(record)) throw new Error(`No JSON object: ${line}`);
      return record;
    });
  }

  find(wanted) {
    return this.records.find(wanted);
  }

  saying(text) {
    return until(() => this.find((each) => String(each.message ?? each.msg).includes(text)), () => `a record with "${text}" in\n${this.stdout}${this.stderr}`);
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended;
  }
}

/** An unchanged host under the preload; `METRICS_PORT` and `PORT` are free ones unless given. */
async function startHost(args, { env = {}, cwd, preload = true } = {}) {
  const port = Number(env.PORT ?? (await freePort()));
  const metricsPort = Number(env.METRICS_PORT ?? (await freePort()));
  const { PATH, HOME } = process.env;
  const host = new Program(process.execPath, [...(preload ? ['--require', REGISTER] : []), ...args], {
    cwd,
    env: { PATH, HOME, OTEL_SERVICE_NAME: 'stranger', METRICS_HOST: '127.0.0.1', METRICS_PORT: String(metricsPort), PORT: String(port), ...env },
  });
  host.url = `http://127.0.0.1:${port}`;
  host.port = port;
  host.metrics = async (accept = 'text/plain') =>
    (await fetch(`http://127.0.0.1:${metricsPort}/metrics`, { headers: { accept } })).text();
  return host;
}

/** A program given as text. */
const startScript = (script, options) => startHost(['--eval', script], options);

module.exports = { Program, REGISTER, answers, freePort, startHost, startScript, until };
