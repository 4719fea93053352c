'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { join } = require('node:path');
const { propagation, ROOT_CONTEXT, SpanKind, trace, defaultTextMapGetter, defaultTextMapSetter } = require('@opentelemetry/api');
const { AlwaysOnSampler, ParentBasedSampler, SamplingDecision, TraceIdRatioBasedSampler } = require('@opentelemetry/sdk-trace-node');
const { EdgePropagator, EdgeSampler } = require('../lib/edge');
const { ImportantTraces } = require('../lib/important');
const { startGrpcReceiver } = require('./support/otlp');
const { startHost, until } = require('./support/processes');
const { startRedis } = require('./support/servers');

const MARK = 'atlas=important';
const ID = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const OUTSIDE = [
  { 'x-forwarded-for': '203.0.113.7' }, { 'x-forwarded-for': '' }, { forwarded: 'for=203.0.113.7' }, { 'x-real-ip': '203.0.113.7' },
  { 'x-envoy-external-address': '203.0.113.7' },
];
const propagator = new EdgePropagator();
const extracted = (headers, flags = '00') => propagator.extract(ROOT_CONTEXT, { traceparent: `00-${ID}-${CALLER}-${flags}`, ...headers }, defaultTextMapGetter);

describe('of a request from outside', () => {
  for (const headers of OUTSIDE) {
    test(`the trace's id stays, and no decision: ${JSON.stringify(headers)}`, () => {
      const context = extracted({ ...headers, tracestate: `vendor=1,${MARK},ot=th:8;rv:00000000000000,other=2`, baggage: 'user=7' });
      const parent = trace.getSpanContext(context);
      assert.deepEqual([parent.traceId, parent.spanId, parent.traceFlags, parent.isRemote], [ID, CALLER, 1, true]);
      assert.equal(parent.traceState.serialize(), 'vendor=1,other=2');
      assert.equal(propagation.getBaggage(context), undefined);
    });
  }

  test('a state of decisions alone is none, and is not sent on', () => {
    const context = extracted({ ...OUTSIDE[0], tracestate: `${MARK},ot=th:8` });
    assert.equal(trace.getSpanContext(context).traceState, undefined);
    const carrier = {};
    propagator.inject(context, carrier, defaultTextMapSetter);
    assert.deepEqual(carrier, { traceparent: `00-${ID}-${CALLER}-01` });
  });

  test('what is no trace begins none', () => {
    for (const traceparent of ['', '00-0-0-00', `00-${'0'.repeat(32)}-${CALLER}-01`]) {
      assert.equal(trace.getSpanContext(extracted({ ...OUTSIDE[0], traceparent, tracestate: MARK })), undefined);
    }
  });

  test('a sampler decides as for a root, and only where the request begins', () => {
    const none = new EdgeSampler(new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0), remoteParentSampled: new AlwaysOnSampler() }));
    const decided = (context) => none.shouldSample(context, ID, 'GET', SpanKind.SERVER, {}, []).decision;
    assert.equal(decided(extracted(OUTSIDE[0], '01')), SamplingDecision.NOT_RECORD);
    assert.equal(decided(extracted({}, '01')), SamplingDecision.RECORD_AND_SAMPLED);
    const inside = trace.setSpanContext(extracted(OUTSIDE[0]), { traceId: ID, spanId: CALLER, traceFlags: 1 });
    assert.equal(decided(inside), SamplingDecision.RECORD_AND_SAMPLED);
  });

  test('what matters is marked here, and the members of others stay', () => {
    const sampler = new ImportantTraces(new EdgeSampler(new AlwaysOnSampler()), ['order']);
    const state = (method) => sampler.shouldSample(
      extracted({ ...OUTSIDE[0], tracestate: `vendor=1,${MARK}` }), ID, method, SpanKind.SERVER, { 'http.request.method': method, 'url.path': '/orders' }, [],
    ).traceState?.serialize();
    assert.deepEqual([state('POST'), state('GET')], [`${MARK},vendor=1`, 'vendor=1']);
  });
});

test('a call from inside keeps what it came with', () => {
  for (const headers of [{}, { 'x-forwarded-host': 'ops.example.com' }, { via: '1.1 proxy' }]) {
    const context = extracted({ ...headers, tracestate: `${MARK},ot=th:8`, baggage: 'user=7' });
    assert.equal(trace.getSpanContext(context).traceState.serialize(), `${MARK},ot=th:8`);
    assert.equal(trace.getSpanContext(context).traceFlags, 0);
    assert.equal(propagation.getBaggage(context).getEntry('user').value, '7');
  }
});

describe('in a service', () => {
  let receiver;
  let redis;
  let host;

  before(async () => {
    [receiver, redis] = await Promise.all([startGrpcReceiver(), startRedis()]);
    host = await startHost(['server.js'], {
      cwd: join(__dirname, 'hosts', 'express4'),
      env: { REDIS_PORT: String(redis.port), OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100' },
    });
    await host.saying('listening on');
  });

  after(async () => {
    await host?.stop();
    await redis?.stop();
    receiver?.stop();
  });

  let traces = 0;
  async function statesOf(method, path, headers) {
    const id = `${String(++traces).padStart(4, '0')}651916cd43dd8448eb211c80319d`;
    await (await fetch(host.url + path, { method, headers: { traceparent: `00-${id}-${CALLER}-00`, ...headers } })).text();
    await until(() => receiver.in(id).some((each) => each.parent === CALLER), `${method} ${path}`);
    await until(() => receiver.in(id).filter((each) => each.kind === 'SERVER').length >= (path === '/fan-out' ? 4 : 1), 'whom it calls');
    return [...new Set(receiver.in(id).map((each) => each.state))];
  }

  test('a client that says so does not make its order untraced, and what it says of the trace is not believed', async () => {
    assert.deepEqual(await statesOf('POST', '/api/orders', { ...OUTSIDE[0], tracestate: 'atlas=none,ot=th:8,vendor=1' }), [`${MARK},vendor=1`]);
    assert.deepEqual(await statesOf('GET', '/fan-out', { ...OUTSIDE[0], tracestate: `${MARK},ot=rv:ffffffffffffff` }), ['']);
  });

  test('a caller inside that does not sample makes nothing untraced, and its mark stays', async () => {
    assert.deepEqual(await statesOf('POST', '/api/orders', {}), [MARK]);
    assert.deepEqual(await statesOf('GET', '/fan-out', { tracestate: MARK }), [MARK]);
  });
});
