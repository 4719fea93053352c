'use strict';

// What registries hold, as plain objects: { name, help, type, aggregator, values: [{ labels, value, metricName, exemplar }] }.

const late = (milliseconds) => new Promise((resolve) => {
  setTimeout(resolve, milliseconds).unref();
});

/** With the labels that the registry adds to each; they are its own to change afterwards. */
function described({ name, help, type, aggregator }, values, registry) {
  const defaults = registry._defaultLabels ?? {};
  return {
    name, help: String(help), type, aggregator,
    values: values.map(({ labels, value, metricName, exemplar }) => ({
      labels: { ...defaults, ...labels }, value, metricName, exemplar: exemplar ?? undefined,
    })),
  };
}

/**
 * What the registries say now; a metric of a name that an earlier registry has is left out. Collecting is the host's code: a metric that
 * throws, or takes longer than `milliseconds`, is left out.
 *
 * @param {Iterable<import('prom-client').Registry>} registries
 * @param {(metric: string, error: Error) => void} failed
 */
async function readMetrics(registries, milliseconds, failed) {
  const names = new Set();
  const end = late(milliseconds);
  const reading = [];
  for (const registry of registries) {
    for (const metric of registry.getMetricsAsArray()) {
      if (names.has(metric.name)) continue;
      names.add(metric.name);
      reading.push(Promise.race([Promise.resolve().then(() => metric.get()), end]).then(
        (found) => found && described(found, found.values ?? [], registry),
        (error) => failed(metric.name, error),
      ));
    }
  }
  return (await Promise.all(reading)).filter(Boolean);
}

/** The series of a metric's own table, by its type. These types are sums, which stay when their process has ended. */
const TABLES = {
  counter: (metric) => Object.values(metric.hashMap),
  histogram: ({ name, hashMap, upperBounds }) => Object.values(hashMap).flatMap(({ labels, bucketValues, sum, count }) => {
    let below = 0;
    return [
      ...upperBounds.map((le) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: (below += bucketValues[le]) })),
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }),
  summary: ({ name, hashMap }) => Object.values(hashMap).flatMap(({ labels, sum, count }) => [
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]),
};

/**
 * The same of counters, histograms and summaries alone, and at once: at a process' exit nothing is waited for any more, and prom-client's
 * own way out is a promise.
 */
function readLasting(registries) {
  const found = new Map();
  for (const registry of registries) {
    for (const metric of registry.getMetricsAsArray()) {
      if (found.has(metric.name) || !(metric.type in TABLES) || metric.hashMap === undefined) continue;
      found.set(metric.name, described(metric, TABLES[metric.type](metric), registry));
    }
  }
  return [...found.values()];
}

/** What of a snapshot counts on after its process has ended: sums, and no quantiles. */
function lasting(metrics) {
  return metrics.filter(({ type, aggregator }) => type in TABLES && aggregator !== 'omit' && aggregator !== 'average')
    .map((metric) => (metric.type === 'summary' ? { ...metric, values: metric.values.filter(({ metricName }) => metricName !== undefined) } : metric));
}

module.exports = { lasting, late, readLasting, readMetrics };
