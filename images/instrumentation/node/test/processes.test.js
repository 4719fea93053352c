'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { startGrpcReceiver } = require('./support/otlp');
const { freePort, REGISTER, startHost, until } = require('./support/processes');

const cwd = join(__dirname, 'hosts', 'processes');
const bin = (name) => join(cwd, 'node_modules', '.bin', name);
let receiver;

before(async () => {
  receiver = await startGrpcReceiver();
});

after(() => receiver.stop());

/** The value of one series of a scrape, or undefined. */
const valueOf = (text, series) => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1).split(' ')[0]);
};
const ORDERS = 'http_requests_total{method="GET",route="/orders/:id",status="200"}';

/** Asks until `processes` of them have answered; tells how often that was, and who they are. */
async function ask(host, processes) {
  const pids = new Set();
  let asked = 0;
  await until(async () => {
    const answer = await fetch(`${host.url}/orders/${asked}`, { headers: { connection: 'close' } });
    asked += 1;
    pids.add((await answer.json()).pid);
    return pids.size >= processes && asked >= 6;
  }, 'answers of all processes');
  return { asked, pids: [...pids] };
}

const scraped = (host, wanted) => {
  let text = '';
  return until(async () => {
    text = await host.metrics().catch(() => '');
    return wanted(text) && text;
  }, () => `the metrics; there are\n${text}`);
};

const warnings = (host) => host.records.filter(({ level }) => level === 'warning' || level === 'error').map(({ message }) => message);

for (const [name, env] of [['round robin', {}], ['shared handles', { SHARED_HANDLES: '1' }]]) {
  test(`a cluster by ${name} is one scrape, and its own aggregation goes on`, async () => {
    const clusterPort = await freePort();
    const host = await startHost(['cluster.js'], { cwd, env: { CLUSTER_METRICS_PORT: String(clusterPort), ...env } });
    await until(() => host.records.filter(({ message }) => /^up/.test(message)).length === 2, 'two workers');
    const { asked, pids } = await ask(host, env.SHARED_HANDLES ? 1 : 2);
    const text = await scraped(host, (each) => valueOf(each, ORDERS) === asked && valueOf(each, 'open_orders') === 2);
    assert.equal(valueOf(text, 'orders_total{side="buy"}'), asked);
    assert.equal(valueOf(text, 'workers_started_total'), 2);
    assert.equal(valueOf(text, 'http_request_duration_seconds_count{method="GET",route="/orders/:id",status="200"}'), asked);
    assert.equal(valueOf(text, 'http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/orders/:id",status="200"}'), asked);
    assert.ok(valueOf(text, 'process_resident_memory_bytes') > 3 * 30e6, 'the memory of all');
    assert.ok(Math.abs(valueOf(text, 'process_start_time_seconds') - Date.now() / 1000) < 60);
    assert.equal(text.match(/^# TYPE http_requests_total/gm).length, 1);
    assert.match(await host.metrics('application/openmetrics-text'), /^http_requests_total\{method="GET",route="\/orders\/:id",status="200"\} \d+ # \{trace_id="[0-9a-f]{32}"\}/m);
    assert.match(await (await fetch(`http://127.0.0.1:${clusterPort}`)).text(), new RegExp(`^orders_total\\{side="buy"\\} ${asked}$`, 'm'));

    // Workers are replaced: by a kill that nobody hears, and by an end of its own with requests since the last scrape.
    process.kill(pids[0], 'SIGKILL');
    await scraped(host, (each) => valueOf(each, 'workers_started_total') === 3 && valueOf(each, 'open_orders') === 2 && valueOf(each, ORDERS) === asked);
    const again = await ask(host, 1);
    await fetch(`${host.url}/end?by=exit`);
    await scraped(host, (each) => valueOf(each, 'workers_started_total') === 4 && valueOf(each, ORDERS) === asked + again.asked
      && valueOf(each, 'http_requests_total{method="GET",route="/end",status="200"}') === 1);
    assert.deepEqual(warnings(host), []);
    await host.stop();
  });
}

for (const [name, args] of [
  ['cross-env', [bin('cross-env'), 'ROLE=api', 'node', 'server.js']],
  ['tsx', [bin('tsx'), 'server.js']],
  ['nodemon', [bin('nodemon'), '--quiet', 'server.js']],
  ['npm start, which has cross-env', [join(process.execPath, '..', 'npm'), 'start']],
  ['a parent by fork', ['parent.js']],
  ['a parent that is blocked until its child ends', ['parent.js', 'blocked']],
]) {
  test(`under ${name} the requests of the service are served`, async () => {
    const host = await startHost(args, { cwd, preload: false, env: { NODE_OPTIONS: `--require ${REGISTER}` } });
    await until(() => /up \d+/.test(host.stdout), () => `the service:\n${host.stdout}${host.stderr}`);
    const { asked, pids } = await ask(host, 1);
    const text = await scraped(host, (each) => valueOf(each, ORDERS) === asked);
    assert.equal(valueOf(text, 'orders_total{side="buy"}'), asked);
    if (args[1] === undefined) assert.equal(valueOf(text, 'started_total'), 1);
    assert.doesNotMatch(host.stdout, /"level":"(warning|error)"/);
    process.kill(pids[0], 'SIGTERM');
    await host.stop('SIGKILL');
  });
}

test('a child that is blocked costs its own last figures and no scrape', async () => {
  const host = await startHost(['cluster.js'], { cwd, env: { CLUSTER_METRICS_PORT: String(await freePort()) } });
  await until(() => host.records.filter(({ message }) => /^up/.test(message)).length === 2, 'two workers');
  const { asked } = await ask(host, 2);
  await scraped(host, (each) => valueOf(each, ORDERS) === asked);
  await fetch(`${host.url}/block?for=6000`);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const begin = Date.now();
  for (const _ of 'xx') assert.equal(valueOf(await host.metrics(), ORDERS), asked);
  assert.ok(Date.now() - begin < 5000, 'before the child goes on');
  await host.stop('SIGKILL');
});

test('when the owner of the port ends, a child opens it, and no sum gets less', async () => {
  const host = await startHost(['parent.js'], { cwd });
  await until(() => host.find(({ message }) => /^up/.test(message)), 'the service');
  const { asked, pids } = await ask(host, 1);
  const before = await scraped(host, (each) => valueOf(each, ORDERS) === asked);
  host.child.kill('SIGKILL');
  const after = await scraped(host, (each) => valueOf(each, ORDERS) === asked);
  assert.equal(valueOf(after, 'started_total'), 1);
  assert.ok(valueOf(after, 'process_cpu_seconds_total') >= valueOf(before, 'process_cpu_seconds_total'));
  assert.ok(valueOf(after, 'process_resident_memory_bytes') < valueOf(before, 'process_resident_memory_bytes'), 'memory is of those that live');
  process.kill(pids[0], 'SIGKILL');
});

for (const [where, script] of [
  ['a worker of a cluster', `const cluster = require('node:cluster'); if (cluster.isPrimary) { cluster.fork(); cluster.fork(); } else SERVE;`],
  ['a forked child', `if (process.send) SERVE; else setTimeout(() => require('node:child_process').fork(__filename), 300)`],
  ['a forked child that comes with the parent', `if (process.send) SERVE; else require('node:child_process').fork(__filename)`],
  ['a cluster\'s primary', `const cluster = require('node:cluster'); if (cluster.isPrimary) { cluster.fork(); setTimeout(() => { SERVE }, 500); } else setInterval(() => {}, 1000)`],
]) {
  test(`the metrics port is the host's where ${where} wants it`, async (t) => {
    const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
    const folder = mkdtempSync(join(require('node:os').tmpdir(), 'atlas-port-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'host.js'), script.replace('SERVE', `require('node:http').createServer((request, response) => response.end('of the host'))
      .on('error', (error) => console.log('cannot listen', error)).listen(Number(process.env.METRICS_PORT), '127.0.0.1', () => console.log('up', process.pid))`));
    const host = await startHost([join(folder, 'host.js')], {});
    const [, pid] = /up (\d+)/.exec((await host.saying('up')).message);
    assert.equal(await host.metrics(), 'of the host');
    assert.equal(host.find(({ message }) => /cannot listen/.test(message)), undefined);
    await until(() => warnings(host).length > 0, 'the one warning');
    assert.match(warnings(host)[0], /^No metrics on port \d+: the service itself listens there\.$/);
    assert.equal(warnings(host).length, 1);
    process.kill(Number(pid), 'SIGKILL'); // a forked child outlives its parent
    await host.stop('SIGKILL');
  });
}

test('a family leaves nothing in the temporary folder, and meets also where its name is long', async (t) => {
  const { mkdtempSync, readdirSync, rmSync } = require('node:fs');
  const { tmpdir } = require('node:os');
  const folder = mkdtempSync(join(tmpdir().length < 20 ? tmpdir() : '/tmp', 'at-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const TMPDIR of [folder, join(folder, 'x'.repeat(120))]) {
    const host = await startHost(['parent.js'], { cwd, env: { TMPDIR } });
    await until(() => host.find(({ message }) => /^up/.test(message)), 'the service');
    const { asked, pids } = await ask(host, 1);
    await scraped(host, (each) => valueOf(each, ORDERS) === asked && valueOf(each, 'started_total') === 1);
    if (TMPDIR === folder) assert.equal(readdirSync(folder).length, 1);
    process.kill(pids[0], 'SIGTERM');
    await host.stop();
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual(warnings(host), []);
  }
});
