'use strict';

const { existsSync, readFileSync } = require('node:fs');
const { register } = require('node:module');
const { dirname, join } = require('node:path');
const { pathToFileURL } = require('node:url');

/** The modules that something is hooked into; no other module of a host passes through the hook. */
const HOOKED = [
  'express', 'ioredis', '@redis/client', 'redis', 'amqplib', 'amqplib/callback_api', 'pg', 'pg-pool', 'pino', 'prom-client',
];

/** True where the program that was started is an ES module: such a one reaches its libraries past `require`. */
function isModule(entry) {
  if (entry === undefined || /\.cjs$/.test(entry)) return false;
  if (/\.mjs$/.test(entry)) return true;
  for (let folder = dirname(entry); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).type === 'module';
    if (folder === dirname(folder)) return false;
  }
}

/** Hooks into `import`. It costs a thread, so only ES modules get it. */
function hookImports(entry) {
  if (isModule(entry)) {
    register('@opentelemetry/instrumentation/hook.mjs', pathToFileURL(__filename), { data: { include: HOOKED } });
  }
}

module.exports = { hookImports };
