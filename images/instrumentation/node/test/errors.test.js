'use strict';

const assert = require('node:assert/strict');
const { join } = require('node:path');
const { test, before, after } = require('node:test');
const { startPostgres } = require('./support/servers');
const { freePort, startScript } = require('./support/processes');

const CWD = join(__dirname, 'hosts', 'express4');
const SECRET = `key-${process.pid}-${Date.now()}`;
let postgres;

before(async () => {
  postgres = await startPostgres();
});

after(() => postgres?.stop());

async function run(script, env = {}) {
  const program = await startScript(script, { cwd: CWD, env: { SECRET, ...env } });
  const end = await program.ended;
  assert.equal(program.stderr, '');
  return { ...end, records: program.records, stdout: program.stdout };
}

/** Every way to log an error; each gives one record. */
const LOGGED = `
  const pino = require('pino')();
  const { logger } = globalThis[Symbol.for('@atlas/instrumentation')];
  function log(error) {
    console.error(error);
    console.error('it failed', error);
    console.error('it failed: %s', error);
    console.log({ err: error });
    console.log('it failed', { error });
    console.log('it failed', { reason: error });
    console.error('first', new Error('another'), error);
    logger.error(error);
    logger.error({ err: error }, 'it failed');
    pino.error(error);
    throw error;
  }
`;

test('a connection that is refused has its address and port, however it is logged', async () => {
  const { code, records } = await run(`${LOGGED}
    require('node:net').connect({ host: '127.0.0.1', port: 1 }).on('error', log);
  `);
  assert.equal(code, 1);
  assert.equal(records.length, 11);
  for (const each of records.filter(({ message }) => !message?.startsWith('first'))) {
    const { code: name, address, port, syscall } = each.err;
    assert.deepEqual([name, address, port, syscall], ['ECONNREFUSED', '127.0.0.1', 1, 'connect'], JSON.stringify(each));
    assert.match(each.exception ?? each.err.stack, /^Error: connect ECONNREFUSED 127\.0\.0\.1:1\n    at /);
  }
  assert.deepEqual(records.map(({ message, msg }) => message ?? msg), [
    'connect ECONNREFUSED 127.0.0.1:1', 'it failed', 'it failed: connect ECONNREFUSED 127.0.0.1:1', 'connect ECONNREFUSED 127.0.0.1:1', 'it failed', 'it failed',
    'first connect ECONNREFUSED 127.0.0.1:1', 'connect ECONNREFUSED 127.0.0.1:1', 'it failed', 'connect ECONNREFUSED 127.0.0.1:1',
    'Uncaught exception: connect ECONNREFUSED 127.0.0.1:1',
  ]);
  const both = records[6];
  assert.deepEqual([both.err.message, both.errors[0].code, both.errors[0].port], ['another', 'ECONNREFUSED', 1]);
});

test('an error of several has the address and port of each', async () => {
  const { records } = await run(`${LOGGED}
    // As a name with two addresses gives it.
    const lookup = (name, options, done) => done(null, [{ address: '127.0.0.2', family: 4 }, { address: '127.0.0.1', family: 4 }]);
    require('node:net').connect({ host: 'two.test', port: 1, lookup, autoSelectFamily: true }).on('error', log);
  `);
  const said = 'connect ECONNREFUSED 127.0.0.2:1; connect ECONNREFUSED 127.0.0.1:1';
  const [alone, text] = records;
  for (const each of [alone, text, records.at(-1)]) {
    assert.equal(each.err.type, 'AggregateError');
    assert.equal(each.err.code, 'ECONNREFUSED');
    assert.deepEqual(each.err.errors.map(({ address, port, code }) => [address, port, code]), [['127.0.0.2', 1, 'ECONNREFUSED'], ['127.0.0.1', 1, 'ECONNREFUSED']]);
    for (const address of ['127.0.0.2:1', '127.0.0.1:1']) assert.ok(each.exception.includes(`Error: connect ECONNREFUSED ${address}`), each.exception);
  }
  assert.equal(alone.message, said);
  assert.equal(records.at(-1).message, `Uncaught exception: ${said}`);
  assert.equal(records[7].message, said);
});

test('an error of fetch has the cause of its cause', async () => {
  const port = await freePort();
  const { records: [record] } = await run(`fetch('http://127.0.0.1:${port}').catch((error) => console.error('no answer', error))`);
  assert.deepEqual([record.err.type, record.err.message], ['TypeError', 'fetch failed']);
  assert.deepEqual([record.err.cause.code, record.err.cause.port], ['ECONNREFUSED', port]);
  assert.match(record.exception, new RegExp(`Caused by: Error: connect ECONNREFUSED 127\\.0\\.0\\.1:${port}`));
});

test('an error of PostgreSQL has its code, detail, table and constraint', async () => {
  const { records } = await run(`
    const { Client } = require('pg');
    (async () => {
      const client = new Client();
      await client.connect();
      await client.query('CREATE TEMPORARY TABLE orders (id int PRIMARY KEY, email text UNIQUE)');
      await client.query("INSERT INTO orders VALUES (1, 'a@example.com')");
      await client.query('INSERT INTO orders VALUES ($1, $2)', [2, 'a@example.com']).catch((error) => console.error('not stored', error));
      await client.end();
    })();
  `, postgres.env);
  const { err, exception } = records.find(({ message }) => message === 'not stored');
  const { code, detail, table, constraint } = err;
  assert.deepEqual({ code, detail, table, constraint }, {
    code: '23505', detail: 'Key (email)=(a@example.com) already exists.', table: 'orders', constraint: 'orders_email_key',
  });
  assert.match(exception, /"code":"23505".*"detail":"Key \(email\)=\(a@example\.com\) already exists\."/);
});

test('an error of Axios has its code and status, and none of its request', async () => {
  const { records, stdout } = await run(`
    const axios = require('axios');
    const server = require('node:http').createServer((request, response) => response.writeHead(503, { 'set-cookie': 'sid=' + process.env.SECRET }).end('busy'))
      .listen(0, '127.0.0.1', async () => {
        const options = { headers: { authorization: 'Bearer ' + process.env.SECRET }, auth: { username: 'u', password: process.env.SECRET }, params: { token: process.env.SECRET } };
        await axios.post('http://127.0.0.1:' + server.address().port, { key: process.env.SECRET }, options).catch((error) => {
          console.error(error);
          console.error('failed: %o', error);
          console.log({ nested: { deep: [error] } });
          globalThis[Symbol.for('@atlas/instrumentation')].logger.error(error);
        });
        await axios.get('http://127.0.0.1:1', options).catch((error) => console.error('no answer', error));
        server.close();
      });
  `);
  assert.ok(!stdout.includes(SECRET), stdout);
  const [first, format, nested, own, refused] = records;
  for (const each of [first.err, format.err, nested.nested.deep[0], own.err]) assert.deepEqual([each.type, each.code, each.status], ['AxiosError', 'ERR_BAD_RESPONSE', 503]);
  assert.equal(first.message, 'Request failed with status code 503');
  assert.equal(refused.err.code, 'ECONNREFUSED');
});

test('causes without an end, errors by the thousand, getters that throw and what is no error are told in bounds', async () => {
  const { code, stdout, records } = await run(`
    const circle = new Error('circle'); circle.cause = circle; circle.errors = [circle, circle];
    console.error(circle);
    let chain = new Error('first');
    for (let n = 0; n < 1000; n += 1) chain = new Error('n' + n, { cause: chain });
    console.error(chain);
    const many = new AggregateError(Array(100000).fill(new AggregateError(Array.from({ length: 9 }, (_, n) => new Error('e' + n)))));
    console.error(many);
    const odd = new Error('odd');
    for (const name of ['stack', 'message', 'name', 'cause', 'errors', 'code', 'detail']) Object.defineProperty(odd, name, { enumerable: true, get() { throw new Error('no ' + name); } });
    console.error(odd);
    console.error('revoked', (() => { const { proxy, revoke } = Proxy.revocable(new Error('gone'), {}); revoke(); return proxy; })());
    console.error(Object.assign(new Error('x'.repeat(1e6)), { detail: 'y'.repeat(1e6), password: 'z', blob: Buffer.alloc(10), when: 7n }));
    console.error(Object.create(Error.prototype, { message: { value: 'by prototype' } }));
    console.error(new Error('cause is data', { cause: { code: 'E1', config: { headers: 1 } } }));
    console.error(new DOMException('aborted', 'AbortError'));
    class LimitError extends Error { orderId = 7; limit = 0.1; }
    console.error(new LimitError('too much'));
  `);
  assert.equal(code, 0);
  for (const line of stdout.split('\n')) assert.ok(Buffer.byteLength(line) < 200000, `${line.length}`);
  assert.equal(records.length, 10);
  assert.deepEqual(records[0].err, { type: 'Error', message: 'circle' });
  assert.match(records[2].exception, /Error 1 of 100000: /);
  assert.equal(records[5].err.password, undefined);
  assert.match(records[7].exception, /\nDetails: \{"code":"E1"\}$/);
  assert.deepEqual([records[8].err.type, records[8].message], ['AbortError', 'aborted']);
  assert.deepEqual([records[9].err.type, records[9].err.orderId, records[9].err.limit], ['LimitError', 7, 0.1]);
});
