'use strict';

const { isMainThread } = require('node:worker_threads');
const { setUser, contextFields } = require('./context');
const { installCrash } = require('./log/crash');
const { installLogging } = require('./log/install');
const { readSettings } = require('./settings');

const API = Symbol.for('@atlas/instrumentation');

/** Packages that something is hooked into. */
const HOOKED = new Set(['express', 'ioredis', '@redis/client', 'redis', 'amqplib', 'pg', 'pg-pool', 'pino', 'prom-client', 'winston']);

/** Starts all of it, part by part: what cannot be had is said once and costs the service nothing else. */
function start() {
  if (globalThis[API] !== undefined) return;
  const settings = readSettings(process.env);
  const logging = installLogging(settings);
  globalThis[API] = { setUser, contextFields, logger: logging.root, registers: [] };
  if (!isMainThread) return;

  const attempt = (part, work) => {
    try {
      return work();
    } catch (error) {
      logging.once(`No ${part}: ${error.message}. The service goes on without.`, { exception: error.stack });
      return undefined;
    }
  };
  for (const problem of settings.problems) logging.once(problem);

  const registries = new Set();
  const { own, installServer } = require('./http/server');
  const metrics = attempt('metrics', () => {
    const { createMetrics } = require('./metrics');
    return createMetrics();
  }) ?? { observe() {} };
  globalThis[API].registers = [metrics.registry].filter(Boolean);
  attempt('request ids, metrics of requests and guard of cookies', () => installServer(settings, metrics));
  attempt('routes of Fastify', () => require('./spans/fastify').watchFastify());
  attempt('hooks into ES modules', () => require('./esm').hookImports(HOOKED));
  const tracing = attempt('traces', () => {
    const { IORedisMessages } = require('./bus/ioredis');
    const { RedisMessages } = require('./bus/redis');
    const { HostPino } = require('./host-pino');
    const { HostWinston } = require('./host-winston');
    const { HostMetrics } = require('./host-metrics');
    const { ExpressRoutes } = require('./spans/express');
    const { startTracing } = require('./tracing');
    const hooks = [
      new IORedisMessages(settings.traceRedisMessages),
      new RedisMessages(settings.traceRedisMessages),
      ...(logging.captured ? [] : [new HostPino(), new HostWinston()]),
      new HostMetrics(registries),
      new ExpressRoutes(),
    ];
    return startTracing(settings, logging.logger, hooks);
  });

  const family = settings.metrics && metrics.registry && attempt('metrics port', () => {
    const { Family } = require('./family/family');
    const { guardPort } = require('./family/ports');
    const found = new Family(settings.metrics, () => [metrics.registry, ...registries], logging, own);
    guardPort(settings.metrics.port, found, own);
    found.start();
    return found;
  });

  const { installShutdown, within } = require('./shutdown');
  const flush = (milliseconds) => {
    family?.tell();
    return within(milliseconds, tracing?.forceFlush());
  };
  attempt('flush at the end', () => installShutdown(flush, settings.flushMs, () => family?.end()));
  if (!logging.captured) attempt('log of crashes', () => installCrash(logging.root, flush));
}

module.exports = { start };
