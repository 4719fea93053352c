'use strict';

const http = require('node:http');
const { collectDefaultMetrics, Counter, Histogram, Registry } = require('prom-client');

/** Seconds. 0.2 is the line of the alert HighLatency. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10];
const LABELS = ['method', 'route', 'status'];

function createMetrics() {
  // The same metrics in two formats: exemplars exist in OpenMetrics alone.
  const text = new Registry();
  const open = new Registry();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  // In no registry yet: prom-client allows exemplars in OpenMetrics registries alone.
  const registers = [];
  const requests = new Counter({
    name: 'http_requests_total', help: 'HTTP requests answered', labelNames: LABELS, registers, enableExemplars: true,
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds', help: 'Seconds from a request to the end of its answer, event streams left out',
    labelNames: LABELS, buckets: BUCKETS, registers, enableExemplars: true,
  });
  for (const metric of [requests, durations]) text.registerMetric(metric);
  collectDefaultMetrics({ register: text });
  // An OpenMetrics registry cuts `_total` off the names of the very counters in it: it gets names of its own to cut.
  for (const metric of text.getMetricsAsArray()) {
    open.registerMetric(Object.create(metric, { name: { value: metric.name, writable: true, enumerable: true } }));
  }

  /**
   * @param {{method: string, route: string, status: string}} labels
   * @param {number | undefined} seconds undefined for an event stream: it lasts as long as its reader stays
   * @param {string | undefined} traceId of a sampled trace
   */
  function observe(labels, seconds, traceId) {
    const exemplarLabels = traceId === undefined ? undefined : { trace_id: traceId };
    requests.inc({ labels, exemplarLabels });
    if (seconds !== undefined) durations.observe({ labels, value: seconds, exemplarLabels });
  }

  return { text, open, observe };
}

/** Metrics of registries that the host has for itself; a name that is there already is left out. */
async function hostMetrics(ours, registries) {
  const parts = [];
  for (const registry of registries) {
    for (const { name } of await registry.getMetricsAsJSON()) {
      if (!ours.getSingleMetric(name)) parts.push(await registry.getSingleMetricAsString(name));
    }
  }
  return parts;
}

/**
 * Serves `/metrics` and makes way for the host: a port that somebody has is said once, and a port that the host itself wants is given up.
 *
 * @param {Set<import('prom-client').Registry>} hosts default registries of the host's own prom-client
 */
function serveMetrics({ port, host }, metrics, hosts, logger) {
  const server = http.createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Metrics are at /metrics.\n');
      return;
    }
    const open = /application\/openmetrics-text/.test(request.headers.accept ?? '') && hosts.size === 0;
    const registry = open ? metrics.open : metrics.text;
    Promise.all([registry.metrics(), hostMetrics(metrics.text, hosts)])
      .then(([own, others]) => response.writeHead(200, { 'content-type': registry.contentType }).end([own.trimEnd(), ...others, ''].join('\n')))
      .catch((error) => {
        logger.error({ reason: error.message }, 'A scrape of the metrics failed.');
        response.writeHead(500).end();
      });
  });
  server.on('error', (error) => {
    logger.warn({ reason: error.message }, `No metrics on port ${port}: it cannot be opened. The service goes on without them.`);
  });
  server.listen({ port, host });
  server.unref();
  yieldPort(server, port, logger);
  return server;
}

/** A host that listens on the metrics port gets it. */
function yieldPort(server, port, logger) {
  const { Server } = require('node:net');
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    const [first] = args;
    const wanted = typeof first === 'object' && first !== null ? first.port : first;
    if (this !== server && Number(wanted) === port && server.listening) {
      server.close();
      server.closeAllConnections();
      logger.warn(`No metrics on port ${port}: the service itself listens there.`);
    }
    return listen.apply(this, args);
  };
}

module.exports = { createMetrics, serveMetrics };
