'use strict';

const { collectDefaultMetrics, Counter, Histogram, Registry } = require('prom-client');

/** Seconds. 0.2 is the line of the alert HighLatency. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10];
const LABELS = ['method', 'route', 'status'];

/** Of several processes the slowest event loop counts: the mean would hide it behind idle ones. */
const WORST = /^nodejs_eventloop_lag_(?!min)/;

/** The metrics of this process: of its requests, and Node's default ones. */
function createMetrics() {
  const registry = new Registry();
  // Put into it afterwards: prom-client refuses exemplars where the registry's own text has none. What is served has them.
  const registers = [];
  const requests = new Counter({
    name: 'http_requests_total', help: 'HTTP requests answered', labelNames: LABELS, registers, enableExemplars: true,
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Seconds from a request to the end of its answer, without event streams, websockets and requests whose client left',
    labelNames: LABELS, buckets: BUCKETS, registers, enableExemplars: true,
  });
  for (const metric of [requests, durations]) registry.registerMetric(metric);
  collectDefaultMetrics({ register: registry });
  for (const metric of registry.getMetricsAsArray()) {
    if (WORST.test(metric.name)) metric.aggregator = 'max';
    if (metric.name === 'process_start_time_seconds') metric.aggregator = 'min';
  }

  /**
   * @param {{method: string, route: string, status: string}} labels
   * @param {number | undefined} seconds undefined where the time says nothing about the service: a stream, a client that left
   * @param {string | undefined} traceId of a sampled trace
   */
  function observe(labels, seconds, traceId) {
    const exemplarLabels = traceId === undefined ? undefined : { trace_id: traceId };
    requests.inc({ labels, exemplarLabels });
    if (seconds !== undefined) durations.observe({ labels, value: seconds, exemplarLabels });
  }

  return { registry, observe };
}

module.exports = { createMetrics };
