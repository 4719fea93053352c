'use strict';

const assert = require('node:assert/strict');
const { connect } = require('node:net');
const { join } = require('node:path');
const { after, before, describe, test } = require('node:test');
const { startGrpcReceiver } = require('./support/otlp');
const { startScript, until } = require('./support/processes');

const SERVICE = `
  const express = require('express');
  const app = express();
  const next = (request, response, next) => next();
  app.use([next, next]);
  app.use('/healthz', (request, response) => response.send('fine'));
  const leaf = express.Router({ mergeParams: true });
  leaf.get('/', (request, response) => response.send('list'));
  leaf.get('/:id', (request, response) => response.send('one'));
  leaf.get('/:id/boom', () => { throw new Error('boom'); });
  const accounts = express.Router();
  accounts.use('/:account/orders', leaf);
  app.use('/api/accounts', accounts);
  const mounted = express();
  mounted.get('/page/:p', (request, response) => response.send('page'));
  app.use('/mounted', mounted);
  app.all('/guarded/*', next);
  app.get('/guarded/in', (request, response) => response.send('in'));
  app.get(['/a', '/b'], (request, response) => response.send('either'));
  app.get(/^\\/re(x+)$/, (request, response) => response.send('matched'));
  app.get('/', (request, response) => response.send('root'));
  app.get('/early', (request, response, next) => { response.send('early'); next(); });
  app.get('/recovers/:from', (request, response, next) => next(new Error('recovers')));
  app.use((error, request, response, next) => (error.message === 'recovers' ? next() : next(error)));
  app.get('/recovers/later', (request, response) => response.send('recovered'));
  app.get('/stack', (request, response) => response.json(app._router.stack.filter((each) => each.handle.stack).length));
  app.get('/twice', (request, response) => { response.send('x'); response.on('finish', () => { response.emit('close'); response.emit('close'); }); });
  app.post('/listened', (request, response) => {
    const heard = [];
    const { contextFields } = require(process.env.PACKAGE);
    for (const event of ['data', 'end']) request.on(event, () => heard.push(contextFields().request_id));
    request.on('end', () => response.json(heard));
    response.on('close', () => console.log('closed'));
  });
  app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up'));
`;

let receiver;
let host;

before(async () => {
  receiver = await startGrpcReceiver();
  host = await startScript(SERVICE, {
    cwd: join(__dirname, 'hosts', 'express4'),
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100', PACKAGE: join(__dirname, '..') },
  });
  await host.saying('up');
});

after(async () => {
  await host?.stop();
  receiver?.stop();
});

let number = 0;

/** The span of a request that says `lines` over a connection of its own. */
async function spanOf(...lines) {
  const trace = `${String((number += 1)).padStart(4, '0')}51916cd43dd8448eb211c80319c0`;
  const socket = connect(host.port, '127.0.0.1');
  socket.end([...lines, 'host: ops.example.com:8443', `traceparent: 00-${trace}-b7ad6b7169203331-01`, 'connection: close', '', ''].join('\r\n'));
  let text = '';
  for await (const chunk of socket) text += chunk;
  return { ...(await receiver.waitFor((span) => span.trace === trace, lines[0])), text };
}

describe('the route of a request', () => {
  for (const [path, route, status = 200] of [
    ['/healthz', '/healthz'], ['/healthz/deep?x=1', '/healthz'],
    ['/api/accounts/a/orders', '/api/accounts/:account/orders'], ['/api/accounts/a/orders/7', '/api/accounts/:account/orders/:id'],
    ['/api/accounts/a/orders/7/boom', '/api/accounts/:account/orders/:id/boom', 500],
    ['/api/accounts/a/orders/7/8/9', undefined, 404], ['/mounted/page/3', '/mounted/page/:p'], ['/mounted/none', undefined, 404],
    ['/guarded/in', '/guarded/in'], ['/guarded/none', undefined, 404], ['/b', '/a,/b'], ['/rexx', '/^\\/re(x+)$/'], ['/HEALTHZ', '/healthz'],
    ['/?a=1', '/'], ['/early', '/early'], ['/recovers/later', '/recovers/later'], ['/none', undefined, 404],
  ]) {
    test(`${path} is ${route ?? 'none'}`, async () => {
      const span = await spanOf(`GET ${path} HTTP/1.1`);
      assert.deepEqual(
        [span.name, span.attributes['http.route'], span.attributes['http.response.status_code']],
        [route === undefined ? 'GET' : `GET ${route}`, route, status],
      );
    });
  }

  test('the host sees its routers as they are', async () => {
    assert.match((await spanOf('GET /stack HTTP/1.1')).text, /\r\n\r\n1$/);
  });
});

describe('who asks whom', () => {
  for (const [what, lines, wanted] of [
    ['directly', ['GET /?q=1 HTTP/1.1'], {
      'http.request.method': 'GET', 'url.path': '/', 'url.query': 'q=1', 'url.scheme': 'http', 'client.address': '127.0.0.1',
      'server.address': 'ops.example.com', 'server.port': 8443, 'network.peer.address': '127.0.0.1', 'network.protocol.version': '1.1',
    }],
    ['through proxies', ['GET / HTTP/1.1', 'x-forwarded-for: 203.0.113.7:99, 10.0.0.1', 'x-forwarded-host: shop.example.com', 'x-forwarded-proto: https'], {
      'client.address': '203.0.113.7', 'server.address': 'shop.example.com', 'server.port': 443,
    }],
    ['as RFC 7239 says it', ['GET / HTTP/1.1', 'forwarded: For="[2001:db8::1]:99"; host="[2001:db8::2]:81";proto=https, for=10.0.0.1'], {
      'client.address': '2001:db8::1', 'server.address': '[2001:db8::2]', 'server.port': 81,
    }],
    ['by a whole URL', ['GET http://anybody@other.example.com/healthz?x=1 HTTP/1.1'], { 'url.path': '/healthz', 'url.query': 'x=1' }],
    ['with a key in the query', ['GET /?a=1&sig=abc HTTP/1.1'], { 'url.query': 'a=1&sig=REDACTED' }],
    ['by a method that few know', ['PURGE / HTTP/1.1'], { 'http.request.method': '_OTHER', 'http.request.method_original': 'PURGE' }],
    ['with headers that say nothing', ['GET / HTTP/1.1', 'forwarded: ;,=,for', 'x-forwarded-for: ,', 'x-forwarded-host: :'], { 'client.address': '127.0.0.1' }],
  ]) {
    test(what, async () => {
      const { attributes } = await spanOf(...lines);
      for (const [name, value] of Object.entries(wanted)) assert.equal(attributes[name], value, name);
    });
  }
});

test('what listens to a request hears it in its context', async () => {
  const answer = await fetch(`${host.url}/listened`, { method: 'POST', body: '{}', headers: { 'x-request-id': 'listened' } });
  assert.deepEqual(await answer.json(), ['listened', 'listened']);
  const closed = await host.saying('closed');
  assert.equal(closed.request_id, 'listened');
});

test('an answer that is closed more than once is counted once', async () => {
  await spanOf('GET /twice HTTP/1.1');
  await until(async () => /http_requests_total\{method="GET",route="\/twice",status="200"\} 1$/m.test(await host.metrics()), 'the count');
  assert.deepEqual(host.records.filter((each) => each.level === 'warning'), []);
});
