'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, test } = require('node:test');
const { join } = require('node:path');
const { startHttpReceiver } = require('./support/otlp');
const { freePort, startHost, until } = require('./support/processes');
const { startPostgres, startRabbit, startRedis } = require('./support/servers');
const { TEXT } = require('./support/trading');

const HOSTS = ['oldest', 'newest'];
/** By bus: how many subscriptions of one host hear a message. */
const HEARD = { ioredis: 2, redis: 2, amqp: 1 };

let receiver;
let servers = [];
const hosts = {};

before(async () => {
  receiver = await startHttpReceiver();
  servers = await Promise.all([startRedis(), startRabbit(), startPostgres()]);
  const [redis, rabbit, postgres] = servers;
  for (const name of HOSTS) {
    const fastifyPort = await freePort();
    hosts[name] = await startHost(['server.js'], {
      cwd: join(__dirname, 'hosts', name),
      env: {
        ...postgres.env, REDIS_PORT: String(redis.port), AMQP_URL: rabbit.url, FASTIFY_PORT: String(fastifyPort), TRACE_REDIS_MESSAGES: 'true',
        OTEL_SERVICE_NAME: name, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_BSP_SCHEDULE_DELAY: '100',
      },
    });
    hosts[name].fastify = `http://127.0.0.1:${fastifyPort}`;
    await hosts[name].saying('listening');
  }
});

after(async () => {
  for (const each of Object.values(hosts)) await each.stop();
  for (const each of servers) await each.stop();
  receiver?.stop();
});

/** Asks within a trace of its own, and gives its id. */
async function ask(url, options = {}) {
  const trace = randomBytes(16).toString('hex');
  await (await fetch(url, { ...options, headers: { traceparent: `00-${trace}-00000000000000ab-01` } })).text();
  return trace;
}

for (const name of HOSTS) {
  for (const [bus, each] of Object.entries(HEARD)) {
    test(`what the ${name} ${bus} publishes is one trace with all that hear it, of both hosts`, async () => {
      const trace = await ask(`${hosts[name].url}/orders/7?bus=${bus}`, { method: 'POST' });
      const request = await receiver.waitFor((span) => span.trace === trace && span.name === 'POST /orders/:id', 'the request');
      const sent = await receiver.waitFor((span) => span.trace === trace && span.kind === 'PRODUCER', 'the publication');
      assert.equal(sent.parent, request.id);
      const consumers = () => receiver.in(trace).filter((span) => span.kind === 'CONSUMER');
      await until(() => consumers().length === each * HOSTS.length, () => `the consumers; there are ${consumers().length}`);
      assert.deepEqual(new Set(consumers().map((span) => span.parent)), new Set([sent.id]));
      for (const host of Object.values(hosts)) {
        await until(() => host.records.filter((line) => line.trace_id === trace && line.text === TEXT).length === each, () => `the lines in\n${host.stdout}`);
      }
    });
  }

  test(`routes of the ${name} Express and Fastify are templates, and a query is a span in the request's`, async () => {
    const trace = await ask(`${hosts[name].url}/orders/8`);
    const request = await receiver.waitFor((span) => span.trace === trace && span.name === 'GET /orders/:id', 'the request');
    await receiver.waitFor((span) => span.trace === trace && span.parent === request.id && /SELECT/.test(span.name), 'the query');
    for (const path of ['/shop/items/5', '/broken', '/none/6']) await ask(`${hosts[name].fastify}${path}`);
    const text = await until(async () => {
      const scraped = await hosts[name].metrics();
      return scraped.includes('unmatched') && scraped;
    }, 'the request without a route');
    for (const [route, status] of [['/orders/:id', 200], ['/shop/items/:item', 200], ['/broken', 500], ['unmatched', 404]]) {
      assert.ok(text.includes(`http_requests_total{method="GET",route="${route}",status="${status}"} 1\n`), `${route} in\n${text.split('\n').filter((line) => line.includes('_total{')).join('\n')}`);
    }
    await receiver.waitFor((span) => span.name === 'GET /shop/items/:item' && span.resource['service.name'] === name, 'the span of Fastify');
  });
}
