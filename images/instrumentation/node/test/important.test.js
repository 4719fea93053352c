'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { join } = require('node:path');
const { ROOT_CONTEXT, SpanKind, trace } = require('@opentelemetry/api');
const { TraceState } = require('@opentelemetry/core');
const { AlwaysOnSampler } = require('@opentelemetry/sdk-trace-node');
const { ImportantTraces } = require('../lib/important');
const { readSettings } = require('../lib/settings');
const { startGrpcReceiver } = require('./support/otlp');
const { startHost, startScript, until } = require('./support/processes');
const { startRabbit, startRedis } = require('./support/servers');

const MARK = 'atlas=important';
const ID = '0af7651916cd43dd8448eb211c80319c';

/** The trace state that a span gets; `parent` is what it has above it. */
function sampled({ name = 'GET', kind = SpanKind.SERVER, attributes = {}, parent, env = {} }) {
  const sampler = new ImportantTraces(new AlwaysOnSampler(), readSettings(env).tracing.important);
  const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { traceId: ID, spanId: ID.slice(16), traceFlags: 1, ...parent });
  return sampler.shouldSample(context, ID, name, kind, attributes, []).traceState?.serialize();
}

const request = (method, path) => ({ attributes: { 'http.request.method': method, 'url.path': path } });
const message = (routingKey, exchange = 'atlas_bus') => ({
  kind: SpanKind.CONSUMER, name: 'orders process', attributes: { 'messaging.destination': exchange, 'messaging.rabbitmq.routing_key': routingKey },
});

describe('what matters', () => {
  for (const [what, span] of [
    ['an order', request('POST', '/api/orders')],
    ['a cancelled order, in any case', request('DELETE', '/API/Orders/7')],
    ['the kill switch', request('POST', '/api/kill-switch')],
    ['a limit of risk', request('PUT', '/risk/limits')],
    ['an order by the older names', { attributes: { 'http.method': 'POST', 'http.target': '/api/orders?x=1' } }],
    ['a call that places one', { kind: SpanKind.CLIENT, attributes: { 'http.request.method': 'POST', 'url.full': 'https://api:8000/api/orders?x=1' } }],
    ['a message by its routing key', message('order_request')],
    ['a message by its exchange', message('BTC-USD', 'orders')],
    ['a message on a channel', { kind: SpanKind.PRODUCER, attributes: { 'messaging.destination.name': 'kill_switch' } }],
    ['a span by its name', { kind: SpanKind.INTERNAL, name: 'riskCheck' }],
    ['what the environment names', { ...request('POST', '/api/Trades'), env: { ATLAS_IMPORTANT_TRACES: ' Trade , x' } }],
  ]) test(what, () => assert.equal(sampled(span), MARK));
});

describe('what does not', () => {
  for (const [what, span] of [
    ...['GET', 'HEAD', 'OPTIONS'].map((method) => [`${method} of orders`, { ...request(method, '/api/orders'), name: `${method} /api/orders` }]),
    ['a word in a query', { attributes: { 'http.method': 'POST', 'http.target': '/search?q=order' } }],
    ['a word in the name of a host', { kind: SpanKind.CLIENT, attributes: { 'http.request.method': 'POST', 'url.full': 'http://orders:8000/prices' } }],
    ['a URL that is none', { kind: SpanKind.CLIENT, attributes: { 'http.request.method': 'POST', 'url.full': 'order' } }],
    ['a request without a path', { attributes: { 'http.request.method': 'POST' } }],
    ['a price that a queue of orders hears', message('price_update')],
    ['an exposure', { kind: SpanKind.PRODUCER, name: 'publish exposure_update', attributes: { 'messaging.destination.name': 'exposure_update' } }],
    ['a query of a table of orders', { kind: SpanKind.CLIENT, name: 'pg.query:SELECT orders' }],
    ['an order, where the environment names other things', { ...request('POST', '/api/orders'), env: { ATLAS_IMPORTANT_TRACES: 'trade' } }],
  ]) test(what, () => assert.equal(sampled(span), undefined));
});

test('a trace that comes in keeps its other members, as many as there is room for', () => {
  const order = request('POST', '/api/orders');
  const from = (state) => sampled({ ...order, parent: { isRemote: true, traceState: state && new TraceState(state) } });
  assert.equal(from(undefined), MARK);
  assert.equal(from('vendor=1,other=2'), `${MARK},vendor=1,other=2`);
  assert.equal(from('vendor=1,atlas=important'), 'vendor=1,atlas=important');
  assert.equal(from('vendor=1,atlas=other'), `${MARK},vendor=1`);
  const full = Array.from({ length: 32 }, (_, at) => `m${at}=${'x'.repeat(5)}`);
  assert.equal(from(full.join(',')), [MARK, ...full.slice(0, 31)].join(','));
  assert.equal(from(`a=${'x'.repeat(240)},b=${'x'.repeat(240)}`), `${MARK},a=${'x'.repeat(240)},b=${'x'.repeat(240)}`);
  assert.equal(from(`a=${'x'.repeat(250)},b=${'x'.repeat(250)}`), `${MARK},a=${'x'.repeat(250)}`);
});

test('a span inside the process has what its parent has, and one below an invalid span is a root', () => {
  const order = request('POST', '/api/orders');
  assert.equal(sampled({ ...order, parent: {} }), undefined);
  assert.equal(sampled({ ...order, parent: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) } }), MARK);
});

describe('on both buses', () => {
  const cwd = join(__dirname, 'hosts', 'express4');
  const hosts = [];
  let receiver;
  let redis;
  let rabbit;
  let env;
  let api;

  before(async () => {
    [receiver, redis, rabbit] = await Promise.all([startGrpcReceiver(), startRedis(), startRabbit()]);
    env = {
      REDIS_PORT: String(redis.port), AMQP_URL: rabbit.url, TRACE_REDIS_MESSAGES: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100',
    };
    const worker = await startHost(['worker.js'], { cwd, env: { ...env, OTEL_SERVICE_NAME: 'workers' } });
    hosts.push(worker);
    await worker.saying('worker ready');
    api = await started();
  });

  after(async () => {
    for (const each of hosts) await each.stop();
    await redis?.stop();
    await rabbit?.stop();
    receiver?.stop();
  });

  async function started(more = {}) {
    const host = await startHost(['server.js'], { cwd, env: { ...env, OTEL_SERVICE_NAME: 'api', ...more } });
    hosts.push(host);
    await host.saying('listening on');
    return host;
  }

  let traces = 0;
  /** The spans of a request, once there are as many of that kind. */
  async function spansOf(host, method, path, kind, count, headers = {}) {
    const id = `${String(++traces).padStart(4, '0')}651916cd43dd8448eb211c80319c`;
    await (await fetch(host.url + path, { method, headers: { traceparent: `00-${id}-b7ad6b7169203331-01`, ...headers } })).text();
    await until(() => receiver.in(id).filter((each) => each.kind === kind).length >= count, `${count} ${kind} of ${method} ${path}`);
    await until(() => receiver.in(id).some((each) => each.parent === 'b7ad6b7169203331'), 'the first span');
    return receiver.in(id);
  }

  const statesOf = (spans) => [...new Set(spans.map((each) => each.state))];

  for (const [bus, count] of [['ioredis', 2], ['redis', 2], ['amqp', 1]]) {
    test(`every span of an order by ${bus} is marked, in each service`, async () => {
      const spans = await spansOf(api, 'POST', `/api/orders?bus=${bus}`, 'CONSUMER', count, { tracestate: 'vendor=1' });
      assert.deepEqual(new Set(spans.map((each) => each.resource['service.name'])), new Set(['api', 'workers']));
      assert.deepEqual(statesOf(spans), [`${MARK},vendor=1`]);
    });
  }

  test('a request that reads is not marked, and a mark that came with one goes on to whom it calls', async () => {
    assert.deepEqual(statesOf(await spansOf(api, 'GET', '/api/orders/7', 'SERVER', 1)), ['']);
    assert.deepEqual(statesOf(await spansOf(api, 'GET', '/fan-out', 'SERVER', 4)), ['']);
    assert.deepEqual(statesOf(await spansOf(api, 'GET', '/fan-out', 'SERVER', 4, { tracestate: MARK })), [MARK]);
  });

  test('without words nothing is marked', async () => {
    const host = await started({ ATLAS_IMPORTANT_TRACES: '', OTEL_SERVICE_NAME: 'wordless' });
    const spans = await spansOf(host, 'POST', '/api/orders', 'SERVER', 1);
    assert.deepEqual(statesOf(spans), ['']);
  });

  test('what OTEL_TRACES_SAMPLER says is done, and what it takes is marked', async () => {
    const all = await started({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1', OTEL_SERVICE_NAME: 'all' });
    assert.deepEqual(statesOf(await spansOf(all, 'POST', '/api/orders', 'SERVER', 1)), [MARK]);
    const none = await started({ OTEL_TRACES_SAMPLER: 'always_off', OTEL_SERVICE_NAME: 'none' });
    await (await fetch(`${none.url}/api/orders`, { method: 'POST' })).text();
    await none.stop();
    assert.equal(receiver.spans.some((each) => each.resource['service.name'] === 'none'), false);
  });

  test('of what begins without a request, orders are marked and prices are not, whatever the queue is called', async () => {
    const script = await startScript(`
      const Redis = require('ioredis');
      const amqp = require('amqplib');
      (async () => {
        const [publisher, subscriber] = [new Redis(Number(process.env.REDIS_PORT)), new Redis(Number(process.env.REDIS_PORT))];
        await subscriber.subscribe('price_update', 'order_update');
        subscriber.on('message', (channel) => console.log('heard', channel));
        const channel = await (await amqp.connect(process.env.AMQP_URL)).createChannel();
        await channel.assertExchange('prices', 'topic');
        const { queue } = await channel.assertQueue('orders', { exclusive: true });
        await channel.bindQueue(queue, 'prices', '#');
        await channel.consume(queue, (message) => channel.ack(message));
        for (const topic of ['price_update', 'order_update']) {
          await publisher.publish(topic, '{"n":1}');
          channel.publish('prices', topic, Buffer.from('{}'));
        }
        console.log('sent');
      })();
    `, { cwd, env: { ...env, OTEL_SERVICE_NAME: 'exchange' } });
    hosts.push(script);
    await script.saying('sent');
    const mine = () => receiver.spans.filter((each) => each.resource['service.name'] === 'exchange' && ['PRODUCER', 'CONSUMER'].includes(each.kind));
    await until(() => mine().length === 8, () => JSON.stringify(mine()));
    const topicOf = (span) => span.attributes['messaging.rabbitmq.routing_key'] ?? span.attributes['messaging.destination.name'];
    const told = mine().map((each) => `${topicOf(each)} ${each.attributes['messaging.system']} ${each.kind} ${each.state}`);
    assert.deepEqual(new Set(told), new Set(['rabbitmq', 'redis'].flatMap((bus) => ['PRODUCER', 'CONSUMER'].flatMap((kind) => [
      `order_update ${bus} ${kind} ${MARK}`, `price_update ${bus} ${kind} `,
    ]))));
  });
});
