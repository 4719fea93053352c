'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { FOREIGN, Jar, navigate } = require('./support/browser');
const { startGrpcReceiver } = require('./support/otlp');
const { freePort, REGISTER, startHost, until } = require('./support/processes');
const { startProvider } = require('./support/provider');

const PUBLIC = 'https://ops.example.com';
const SESSION = '__Secure-next-auth.session-token';

let receiver;
let provider;
let host;

before(async () => {
  [receiver, provider] = await Promise.all([startGrpcReceiver(), startProvider()]);
  const port = await freePort();
  host = await startHost([join('node_modules', 'next', 'dist', 'bin', 'next'), 'start', '--hostname', '127.0.0.1', '--port', String(port)], {
    cwd: join(__dirname, 'hosts', 'next14'),
    preload: false,
    env: {
      NODE_OPTIONS: `--require ${REGISTER}`, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', PORT: String(port), OTEL_SERVICE_NAME: 'ops-ui',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100',
      NEXTAUTH_URL: PUBLIC, NEXTAUTH_URL_INTERNAL: `http://127.0.0.1:${port}`, NEXTAUTH_SECRET: randomBytes(24).toString('hex'),
      EXCHANGE_URL: provider.url, EXCHANGE_SECRET: randomBytes(8).toString('hex'), ECHO_URL: `${provider.url}/echo`,
    },
  });
  await host.saying('Ready in');
});

after(async () => {
  await host?.stop();
  provider?.stop();
  receiver?.stop();
});

test('Next.js\' own lines are JSON too', () => {
  assert.ok(host.records.length >= 2);
  for (const record of host.records) assert.equal(record.service, 'ops-ui');
});

test('API routes, pages and the app router are counted by their patterns', async () => {
  for (const path of ['/api/orders/17', '/api/orders/18', '/api/items/19', '/shop/green', '/old', '/', '/none/20', '/_next/static/none.js']) {
    await navigate(host.url + path);
  }
  const text = await until(async () => {
    const scraped = await host.metrics();
    return scraped.includes('status="404"') && scraped;
  }, 'the 404');
  const counted = text.match(/^http_requests_total.*$/gm).map((line) => line.replace('http_requests_total', '')).sort();
  assert.deepEqual(counted, [
    '{method="GET",route="/",status="200"} 1',
    '{method="GET",route="/api/items/[item]",status="200"} 1',
    '{method="GET",route="/api/orders/[id]",status="200"} 2',
    '{method="GET",route="/old",status="200"} 1',
    '{method="GET",route="/shop/[slug]",status="200"} 1',
    '{method="GET",route="unmatched",status="404"} 2',
  ]);
});

for (const [kind, path, name, line] of [
  ['a page API route', '/api/orders/21', 'GET /api/orders/[id]', 'order asked for'],
  ['an app router API route', '/api/items/22', 'GET /api/items/[item]', 'item asked for'],
]) {
  test(`${kind} has one server span named after its pattern, and its lines have request and trace`, async () => {
    const id = `next-${path.split('/').pop()}`;
    const answer = await navigate(host.url + path, { 'x-request-id': id });
    assert.equal(answer.headers['x-request-id'], id);
    const said = await until(() => host.find((each) => each.request_id === id && each.message === line), 'the line');
    const root = await receiver.waitFor((span) => span.trace === said.trace_id && span.kind === 'SERVER', 'the request');
    assert.equal(root.name, name);
    assert.equal(root.attributes['http.route'], name.slice(4));
    await receiver.waitFor((span) => span.trace === said.trace_id && span.attributes['next.span_type'] === 'BaseServer.handleRequest', 'the span of Next.js');
    assert.equal(receiver.in(said.trace_id).filter((span) => span.kind === 'SERVER').length, 1);
    if (answer.text.includes('traceparent')) assert.equal(JSON.parse(answer.text).traceparent.split('-')[1], said.trace_id);
  });
}

const local = (url) => url.replace(PUBLIC, host.url);

/** What a page of ours would send to sign in by `provider`. */
async function signIn(jar, method, fields = {}) {
  const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' };
  const csrf = await navigate(`${host.url}/api/auth/csrf`, { ...own, cookie: jar.header() });
  jar.take(csrf.cookies);
  const body = new URLSearchParams({ csrfToken: JSON.parse(csrf.text).csrfToken, callbackUrl: `${PUBLIC}/old`, ...fields }).toString();
  const headers = { ...own, cookie: jar.header(), 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
  const answer = await navigate(`${host.url}/api/auth/${method}`, headers, { method: 'POST', body });
  jar.take(answer.cookies);
  return answer;
}

const session = async (cookie) => JSON.parse((await navigate(`${host.url}/api/auth/session`, { cookie })).text);

test('a login by a provider ends with a session that is Strict and that the next navigation carries', async () => {
  const jar = new Jar();
  const away = await signIn(jar, 'signin/exchange');
  assert.match(jar.text('__Secure-next-auth.state'), /SameSite=Lax/);
  const back = await navigate(away.headers.location);
  const callback = await navigate(local(back.headers.location), { ...FOREIGN, cookie: jar.header({ foreign: true }) });
  jar.take(callback.cookies);
  for (const flag of ['SameSite=Strict', 'HttpOnly', 'Secure']) assert.match(jar.text(SESSION), new RegExp(flag));
  assert.equal(callback.status, 200);
  assert.match(callback.text, new RegExp(`content="0;url=${PUBLIC}/old"`));
  // Had it been a redirect, the browser would have come with these alone, and the user would not be known.
  assert.deepEqual(await session(jar.header({ foreign: true })), {});
  assert.equal((await session(jar.header())).user.name, 'Trader');
});

test('a login by a form on our own site stays a redirect', async () => {
  const jar = new Jar();
  const answer = await signIn(jar, 'callback/credentials', { name: 'Ada' });
  assert.equal(answer.status, 302);
  assert.match(jar.text(SESSION), /SameSite=Strict/);
  assert.equal((await session(jar.header())).user.name, 'Ada');
});

test('a forged login without the token is refused', async () => {
  const body = 'csrfToken=forged&name=Eve';
  const headers = { ...FOREIGN, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
  const answer = await navigate(`${host.url}/api/auth/callback/credentials`, headers, { method: 'POST', body });
  assert.equal(answer.cookies.some((each) => each.startsWith(SESSION)), false);
});

test('on SIGTERM the service ends as it would by itself, and the last spans are out', async () => {
  await navigate(`${host.url}/old`, { traceparent: '00-9af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
  assert.deepEqual(await host.stop(), { code: 0, signal: null });
  assert.ok(receiver.spans.some((span) => span.trace === '9af7651916cd43dd8448eb211c80319c'));
});
