'use strict';

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { FOREIGN, navigate } = require('./support/browser');
const { startGrpcReceiver } = require('./support/otlp');
const { startHost, until } = require('./support/processes');
const { startPostgres } = require('./support/servers');

let receiver;
let postgres;
let host;

before(async () => {
  [receiver, postgres] = await Promise.all([startGrpcReceiver(), startPostgres()]);
  host = await startHost(['server.js'], {
    cwd: join(__dirname, 'hosts', 'express4'),
    env: {
      ...postgres.env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=trading,k8s.pod.name=api-1', NEXTAUTH_URL: 'https://ops.example.com',
    },
  });
  await host.saying('listening on');
});

after(async () => {
  await host?.stop();
  await postgres?.stop();
  receiver?.stop();
});

test('a request id is taken, returned, given to the handler and in every line of its request', async () => {
  const response = await fetch(`${host.url}/api/orders/7`, { headers: { 'x-request-id': 'trade-77' } });
  assert.equal(response.headers.get('x-request-id'), 'trade-77');
  assert.deepEqual(await response.json(), { id: '7', requestId: 'trade-77' });
  await host.saying('order looked up');
  const lines = host.records.filter((each) => each.request_id === 'trade-77');
  assert.deepEqual(lines.map((each) => each.message ?? each.msg), ['looking up order 7', 'order looked up']);
  for (const line of lines) assert.match(line.trace_id, /^[0-9a-f]{32}$/);
  assert.equal(lines[0].trace_id, lines[1].trace_id);
  assert.equal(lines[0].orderId, '7');
});

test('a request id that could do harm, or none, is replaced by a new one', async () => {
  for (const given of ['a b', 'x'.repeat(129), '"},{"', undefined]) {
    const response = await fetch(`${host.url}/`, { headers: given ? { 'x-request-id': given } : {} });
    assert.match(response.headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
  }
});

test('lines of the service\'s own pino keep their form and get the ids', async () => {
  await fetch(`${host.url}/api/orders/8`, { headers: { 'x-request-id': 'own-pino' } });
  const line = await until(() => host.find((each) => each.request_id === 'own-pino' && each.msg !== undefined), 'the line of pino');
  assert.equal(line.level, 30);
  assert.equal(line.name, 'api');
  assert.equal(typeof line.time, 'number');
  assert.equal(line.service, 'stranger');
  assert.equal(line.timestamp, undefined);
});

test('the user that an authentication leaves on the request is in its lines, and not in others', async () => {
  await fetch(`${host.url}/api/orders/9`, { headers: { authorization: 'Bearer alice', 'x-request-id': 'of-alice' } });
  await fetch(`${host.url}/api/orders/9`, { headers: { 'x-request-id': 'of-nobody' } });
  const line = (id) => until(() => host.find((each) => each.request_id === id), id);
  assert.equal((await line('of-alice')).user_id, 'alice');
  assert.equal((await line('of-nobody')).user_id, undefined);
});

test('requests are counted by method, route template and status, and never by raw path', async () => {
  await fetch(`${host.url}/api/accounts/a1/orders/31`);
  await fetch(`${host.url}/api/accounts/a2/orders/32`);
  await fetch(`${host.url}/api/accounts/secret`);
  await fetch(`${host.url}/no/such/thing/33`);
  const text = await until(async () => {
    const scraped = await host.metrics();
    return scraped.includes('status="404"') && scraped;
  }, 'the 404 in the metrics');
  assert.match(text, /^http_requests_total\{method="GET",route="\/api\/accounts\/:account\/orders\/:id",status="200"\} 2$/m);
  assert.match(text, /^http_requests_total\{method="GET",route="\/api\/accounts\/secret",status="403"\} 1$/m);
  assert.match(text, /^http_requests_total\{method="GET",route="unmatched",status="404"\} 1$/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{le="0.2",method="GET",route="\/api\/accounts\/:account\/orders\/:id",status="200"\} \d+$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
  assert.match(text, /^process_start_time_seconds /m);
  assert.doesNotMatch(text, /route="[^"]*(a1|31|such)/);
});

test('a failing handler is a 500 of its route, and its stack is one record', async () => {
  const response = await fetch(`${host.url}/boom`, { headers: { 'x-request-id': 'of-boom' } });
  assert.equal(response.status, 500);
  const line = await until(() => host.find((each) => each.request_id === 'of-boom'), 'the error');
  assert.equal(line.level, 'error');
  assert.match(`${line.exception ?? line.message}`, /Error: handler failed\n\s+at /);
  await until(async () => /http_requests_total\{method="GET",route="\/boom",status="500"\} 1/.test(await host.metrics()), 'the 500');
});

test('an event stream is counted when it begins and has no latency', async () => {
  const response = await fetch(`${host.url}/api/streams/sse`);
  const reader = response.body.getReader();
  await reader.read();
  assert.match(await host.metrics(), /http_requests_total\{method="GET",route="\/api\/streams\/sse",status="200"\} 1/);
  while (!(await reader.read()).done);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const text = await host.metrics();
  assert.match(text, /http_requests_total\{method="GET",route="\/api\/streams\/sse",status="200"\} 1$/m);
  assert.doesNotMatch(text, /http_request_duration_seconds_count\{method="GET",route="\/api\/streams\/sse"/);
});

test('OpenMetrics carries exemplars with the trace of a request, and the plain text afterwards is as before', async () => {
  await fetch(`${host.url}/`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const open = await host.metrics('application/openmetrics-text; version=1.0.0');
  assert.match(open, /http_requests_total\{method="GET",route="\/",status="200"\} \d+ # \{trace_id="[0-9a-f]{32}"\}/);
  assert.match(open, /# EOF\n$/);
  const text = await host.metrics();
  assert.match(text, /^# TYPE http_requests_total counter$/m);
  assert.doesNotMatch(text, /trace_id/);
});

test('Axios, node-fetch and fetch hand the trace on, as children of the request that calls', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const response = await fetch(`${host.url}/fan-out`, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
  const seen = await response.json();
  for (const by of ['axios', 'nodeFetch', 'fetch']) assert.match(seen[by].traceparent, new RegExp(`^00-${trace}-`), by);
  const root = await receiver.waitFor((span) => span.trace === trace && span.name === 'GET /fan-out', 'the span of the request');
  assert.equal(root.kind, 'SERVER');
  assert.equal(root.parent, 'b7ad6b7169203331');
  assert.equal(root.attributes['http.route'], '/fan-out');
  await until(() => receiver.in(trace).length >= 7, 'seven spans');
  const clients = receiver.in(trace).filter((span) => span.kind === 'CLIENT');
  assert.equal(clients.length, 3);
  for (const client of clients) {
    assert.equal(client.parent, root.id);
    const server = receiver.in(trace).find((span) => span.parent === client.id);
    assert.equal(server.name, 'GET /headers');
  }
});

test('spans name the service and its pod, and the query of a request is its child', async () => {
  const trace = '1af7651916cd43dd8448eb211c80319c';
  const response = await fetch(`${host.url}/rows`, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, authorization: 'Bearer bob' } });
  assert.deepEqual(await response.json(), [{ answer: 42 }]);
  const root = await receiver.waitFor((span) => span.trace === trace && span.name === 'GET /rows', 'the request');
  const query = await receiver.waitFor((span) => span.trace === trace && span.name.startsWith('pg.query'), 'the query');
  assert.equal(query.parent, root.id);
  assert.equal(root.resource['service.name'], 'stranger');
  assert.equal(root.resource['service.namespace'], 'trading');
  assert.equal(root.resource['k8s.pod.name'], 'api-1');
  assert.equal(root.attributes['user.id'], 'bob');
  assert.equal(root.attributes.request_id, response.headers.get('x-request-id'));
});

test('scrapes of the metrics port are no requests and no traces', async () => {
  await host.metrics();
  assert.doesNotMatch(await host.metrics(), /route="\/metrics"/);
  assert.equal(receiver.spans.some((span) => span.attributes['url.path'] === '/metrics'), false);
});

test('cookies get their flags, whatever the service forgot', async () => {
  const login = await fetch(`${host.url}/login`, { method: 'POST' });
  assert.deepEqual(login.headers.getSetCookie().map((each) => each.replace(/Expires=[^;]*/, 'Expires=…')), [
    'connect.sid=s1; Max-Age=1; Path=/; Expires=…; SameSite=Strict; HttpOnly; Secure',
    'theme=dark; Path=/; SameSite=Lax; HttpOnly; Secure',
    'XSRF-TOKEN=readable; Path=/',
  ]);
  const raw = await fetch(`${host.url}/raw-cookies`);
  assert.deepEqual(raw.headers.getSetCookie(), [
    'next-auth.session-token.0=a; SameSite=Strict; HttpOnly; Secure',
    'next-auth.state=b; SameSite=Lax; HttpOnly; Secure',
  ]);
});

const BACK = { ...FOREIGN, cookie: 'app.state=1' };
const CALLBACK = '/auth/callback?code=c&state=s';

test('a login that returns from another site goes on from a page of our own, so that the Strict session is sent', async () => {
  const answer = await navigate(host.url + CALLBACK, BACK);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.location, undefined);
  assert.deepEqual(answer.cookies, ['connect.sid=fresh; Path=/; SameSite=Strict; HttpOnly; Secure']);
  assert.match(answer.text, /<meta http-equiv="refresh" content="0;url=\/home\?a=1&#38;b=2">/);
  assert.equal(Number(answer.headers['content-length']), Buffer.byteLength(answer.text));
});

test('a login that began here, or leads to another site, stays the redirect that it is', async () => {
  const own = await navigate(host.url + CALLBACK, { ...BACK, 'sec-fetch-site': 'same-origin' });
  assert.equal(own.status, 302);
  assert.equal(own.headers.location, '/home?a=1&b=2');
  const foreign = await navigate(`${host.url}${CALLBACK}&to=https://evil.example/x`, BACK);
  assert.equal(foreign.status, 302);
  assert.equal(foreign.headers.location, 'https://evil.example/x');
});

test('a provider\'s answer whose session was withheld is asked for again from here, once', async () => {
  const again = await navigate(host.url + CALLBACK, FOREIGN);
  assert.equal(again.status, 200);
  assert.match(again.text, /content="0;url=\/auth\/callback\?code=c&#38;state=s"/);
  assert.deepEqual(again.cookies, [], 'the service was not asked yet');
  const then = await navigate(host.url + CALLBACK, { ...FOREIGN, 'sec-fetch-site': 'same-origin' });
  assert.equal(then.status, 302);
  const link = await navigate(`${host.url}/`, FOREIGN);
  assert.equal(link.text, 'hello', 'an ordinary link from another site is served as it is');
});
