'use strict';

const { Registry } = require('prom-client');

/** How several processes' values of one series become one: prom-client's aggregators. `omit` is none of them. */
const AGGREGATORS = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  first: ([value]) => value,
  average: (values) => AGGREGATORS.sum(values) / values.length,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
};

const seriesOf = ({ metricName, labels }) =>
  JSON.stringify([metricName, ...Object.keys(labels).sort().map((name) => [name, String(labels[name])])]);

const newest = (values) => values.reduce((found, { exemplar }) => (exemplar && !(exemplar.timestamp <= found?.timestamp) ? exemplar : found), undefined);

function mergeMetric(metrics) {
  const aggregate = AGGREGATORS[metrics[0].aggregator];
  if (aggregate === undefined) return undefined;
  const series = new Map();
  for (const metric of metrics) {
    for (const value of metric.values) {
      const key = seriesOf(value);
      const known = series.get(key);
      if (known === undefined) series.set(key, [value]);
      else known.push(value);
    }
  }
  return {
    ...metrics[0],
    values: Array.from(series.values(), (values) => (values.length === 1
      ? values[0]
      : { ...values[0], value: aggregate(values.map(({ value }) => value)), exemplar: newest(values) })),
  };
}

/**
 * One snapshot of several. A metric of which one process alone knows stays as it is; one that a process has with another type is left out.
 * @param {object[][]} snapshots
 */
function merge(snapshots) {
  const groups = new Map();
  for (const metric of snapshots.flat()) {
    const group = groups.get(metric.name);
    if (group === undefined) groups.set(metric.name, [metric]);
    else if (group[0].type === metric.type) group.push(metric);
  }
  return Array.from(groups.values(), (group) => (group.length === 1 ? group[0] : mergeMetric(group))).filter(Boolean);
}

const openName = ({ name, type }) => (type === 'counter' ? name.replace(/_total$/, '') : name);

/** OpenMetrics gives every counter the end `_total`: what would change a name of the host's, or make two the same, is served as plain text. */
function canBeOpen(metrics) {
  return metrics.every(({ name, type }) => type !== 'counter' || name.endsWith('_total')) && new Set(metrics.map(openName)).size === metrics.length;
}

/**
 * A snapshot as Prometheus reads it. Only OpenMetrics has exemplars.
 * @param {boolean} open whether OpenMetrics is understood
 * @returns {Promise<{contentType: string, text: string}>}
 */
async function toPage(metrics, open) {
  const asOpen = open && canBeOpen(metrics);
  const contentType = asOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  const registry = new Registry(contentType);
  for (const metric of metrics) {
    const name = asOpen ? openName(metric) : metric.name;
    registry.registerMetric({ ...metric, name, get: () => ({ ...metric, name }) });
  }
  return { contentType, text: await registry.metrics() };
}

module.exports = { merge, toPage };
