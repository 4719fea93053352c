'use strict';

const { isMainThread } = require('node:worker_threads');
const { setUser, contextFields } = require('./context');
const { installCrash } = require('./log/crash');
const { installLogging } = require('./log/install');
const { readSettings } = require('./settings');

const API = Symbol.for('@atlas/instrumentation');

/** A child of an instrumented process leaves the metrics port to it. */
const OWNER = 'ATLAS_METRICS_OWNER';

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
  globalThis[API].registers = [metrics.text, metrics.open].filter(Boolean);
  attempt('request ids, metrics of requests and guard of cookies', () => installServer(settings, metrics));
  attempt('hooks into ES modules', () => require('./esm').hookImports(process.argv[1]));
  const tracing = attempt('traces', () => {
    const { IORedisMessages } = require('./bus/ioredis');
    const { RedisMessages } = require('./bus/redis');
    const { HostPino } = require('./host-pino');
    const { HostMetrics } = require('./host-metrics');
    const { startTracing } = require('./tracing');
    const hooks = [
      new IORedisMessages(settings.traceRedisMessages),
      new RedisMessages(settings.traceRedisMessages),
      new HostPino(),
      new HostMetrics(registries),
    ];
    return startTracing(settings, logging.logger, hooks, (request) => own.has(request.socket.server));
  });

  const { installShutdown, within } = require('./shutdown');
  const flush = (milliseconds) => within(milliseconds, tracing?.forceFlush());
  attempt('flush at the end', () => installShutdown(flush, settings.flushMs));
  attempt('log of crashes', () => installCrash(logging.root, flush));

  const owner = process.env[OWNER];
  if (settings.metrics !== undefined && metrics.text && (owner === undefined || owner === String(process.pid))) {
    attempt('metrics port', () => {
      process.env[OWNER] = String(process.pid);
      own.add(require('./metrics').serveMetrics(settings.metrics, metrics, registries, logging.logger));
    });
  }
}

module.exports = { start };
