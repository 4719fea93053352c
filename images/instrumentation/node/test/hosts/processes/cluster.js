const cluster = require('node:cluster');
const http = require('node:http');
const { AggregatorRegistry, Counter } = require('prom-client');

if (process.env.SHARED_HANDLES) cluster.schedulingPolicy = cluster.SCHED_NONE;

if (cluster.isPrimary) {
  const started = new Counter({ name: 'workers_started_total', help: 'Workers' });
  const fork = () => {
    started.inc();
    cluster.fork();
  };
  fork();
  fork();
  cluster.on('exit', fork);
  const registry = new AggregatorRegistry();
  http.createServer(async (req, res) => res.end(await registry.clusterMetrics()))
    .listen(Number(process.env.CLUSTER_METRICS_PORT), '127.0.0.1');
} else {
  new AggregatorRegistry();
  require('./server');
}
