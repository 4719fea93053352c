'use strict';

const assert = require('node:assert/strict');
const { join } = require('node:path');
const { test } = require('node:test');
const { startScript } = require('./support/processes');

/** Hosts with their own pino, by its major. */
const HOSTS = { 7: 'pino7', 8: 'pino8', 9: 'express4', 10: 'loggers' };
/** What no host wants to see in a log. */
const SECRET = `account-${process.pid}-${Date.now()}`;

/** Runs `script` in a request of user u-7, with the host's pino, its options and what is not to be seen. */
async function run(host, script, env = {}) {
  const program = await startScript(`
    const pino = require('pino');
    const secret = process.env.SECRET;
    const masked = (text) => String(text).replaceAll(secret, '***');
    const server = require('node:http').createServer(async (request, response) => {
      request.user = { id: 'u-7' };
      await (async () => { ${script} })();
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1', async () => {
      await fetch('http://127.0.0.1:' + process.env.PORT, { headers: { 'x-request-id': 'r-1' } });
      server.close();
      server.closeAllConnections();
    });
  `, { cwd: join(__dirname, 'hosts', host), env: { SECRET, ...env } });
  await program.ended;
  assert.equal(program.stderr, '');
  assert.ok(!program.stdout.includes(SECRET), program.stdout);
  return program.records;
}

for (const [major, host] of Object.entries(HOSTS)) {
  test(`pino ${major}: what a host's settings hide is in no line, and each call is one line with its ids`, async () => {
    const records = await run(host, `
      const mark = (at, logger) => logger.info({ at, account: secret, user: { card: secret, plan: 'x' } }, 'said ' + at);
      mark('redact', pino({ redact: ['account', 'user.card'] }));
      mark('remove', pino({ redact: { paths: ['account', 'user.card', 'user_id', 'request_id'], remove: true } }));
      mark('serializers', pino({ serializers: { account: () => '***', user: ({ plan }) => ({ plan }), user_id: () => 'somebody' } }));
      mark('formatters', pino({ formatters: { log: ({ at, trace_id }) => ({ at, trace_id }) } }));
      mark('hook', pino({ hooks: { logMethod([fields, text], method) { method.call(this, { at: fields.at }, text); } } }));
      mark('child', pino({ redact: ['account', 'user.card'] }).child({ component: 'c' }, { redact: ['account', 'user', 'component'] }));
      mark('mixin', pino({ redact: ['account', 'user.card'], mixin: () => ({ request_id: 'own' }) }));
      mark('merge', pino({ mixin: () => ({ more: 1 }), mixinMergeStrategy: ({ at }, mixin) => ({ at, mixin }) }));
      mark('strategy', pino({ mixinMergeStrategy: () => { throw new Error('no mixin, not asked'); }, redact: ['account', 'user'] }));
      mark('stdout', pino({ redact: ['account', 'user', 'user_id'] }, process.stdout));
      mark('base', pino({ base: null, timestamp: false, messageKey: 'text', level: 'debug', redact: ['account', 'user'] }));
      const out = pino.destination({ sync: false });
      mark('buffered', pino({ redact: { paths: ['account', 'user', 'user_id'], remove: true } }, out));
      await require('node:events').once(out, 'drain');
      pino({ serializers: { err: (error) => ({ type: error.name, message: masked(error.message), stack: masked(error.stack) }) } }).error(new Error('of ' + secret), 'failed');
      pino({ enabled: false }).error(secret);
      pino({ level: 'silent' }).error(secret);
    `);
    const by = (at) => {
      const found = records.filter((each) => each.at === at);
      assert.equal(found.length, 1, `${at}: ${JSON.stringify(records)}`);
      return found[0];
    };
    assert.equal(records.length, 13);
    for (const each of records) assert.equal(each.service, 'stranger');
    const [redacted, removed, serialized, formatted] = ['redact', 'remove', 'serializers', 'formatters'].map(by);
    assert.deepEqual([redacted.account, redacted.user, redacted.request_id, redacted.user_id], ['[Redacted]', { card: '[Redacted]', plan: 'x' }, 'r-1', 'u-7']);
    assert.match(redacted.trace_id, /^[0-9a-f]{32}$/);
    assert.ok(!('user_id' in removed) && !('request_id' in removed) && !('account' in removed));
    assert.deepEqual([serialized.user, serialized.user_id], [{ plan: 'x' }, 'somebody']);
    assert.ok(formatted.trace_id && !('user_id' in formatted) && !('request_id' in formatted));
    assert.equal(by('hook').user_id, 'u-7');
    assert.equal(by('child').trace_id, redacted.trace_id);
    assert.equal(by('mixin').request_id, 'own');
    assert.deepEqual([by('merge').mixin, by('merge').request_id], [{ more: 1 }, 'r-1']);
    assert.equal(by('strategy').request_id, 'r-1');
    assert.equal(by('stdout').user_id, '[Redacted]');
    assert.deepEqual([by('base').text, by('base').level], ['said base', 30]);
    assert.match(by('base').timestamp, /Z$/);
    assert.deepEqual([by('buffered').request_id, by('buffered').user_id], ['r-1', undefined]);
    const [error] = records.filter(({ err }) => err);
    assert.deepEqual([error.err.message, error.exception, error.request_id], ['of ***', undefined, 'r-1']);
  });

  test(`pino ${major}: a host that handles its own uncaught errors hides what their text says`, async () => {
    const records = await run(host, `
      const logger = pino({ serializers: { err: (error) => ({ message: masked(error.message) }) } });
      process.on('uncaughtException', (error) => { logger.fatal(error, 'it ends'); process.exit(3); });
      setImmediate(() => { throw Object.assign(new TypeError('of ' + secret), { code: 'E7', detail: secret, cause: new Error(secret) }); });
    `);
    const ours = records.find(({ logger }) => logger === 'process');
    assert.equal(ours.message, 'Uncaught exception, which the service handles itself');
    assert.match(ours.exception, /^TypeError\n    at .*\nDetails: \{"code":"E7"\}\nCaused by: Error\n    at /s);
    assert.equal(records.filter(({ err }) => err?.message === 'of ***').length, 1);
  });
}

test('pino with nestedKey keeps what is below it to itself, and its lines have their ids', async () => {
  const [record] = await run('loggers', "pino({ nestedKey: 'payload', redact: ['account'] }).info({ account: secret, a: 1 }, 'nested')");
  assert.deepEqual([record.payload, record.request_id, record.user_id], [{ account: '[Redacted]', a: 1 }, 'r-1', 'u-7']);
});

test('a transport for terminals is left out, and what it would not have shown is not shown', async () => {
  const records = await run('loggers', `
    const pretty = (options) => pino({ transport: { target: 'pino-pretty', options } });
    const log = (logger) => { logger.info({ account: secret, user: { card: secret, n: 0.5 } }, 'said'); logger.warn({ 'a.b': secret, account: secret, user: {} }, 'warned'); };
    log(pretty({ ignore: 'pid,hostname,account,user.card,a\\\\.b', colorize: true }));
    log(pretty({ include: 'level,msg' }));
    log(pretty({ hideObject: true, minimumLevel: 'warn' }));
    pretty().info('plain');
  `);
  assert.deepEqual(records.map(({ level, msg, user }) => [level, msg, user]), [
    [30, 'said', { n: 0.5 }], [40, 'warned', {}], [30, 'said', undefined], [40, 'warned', undefined], [40, 'warned', undefined], [30, 'plain', undefined],
  ]);
  for (const each of records) assert.equal(each.request_id, 'r-1');
});

test('a transport of a host writes its lines in a thread, each once and with its ids', async () => {
  const records = await run('loggers', `
    const logger = pino({ redact: { paths: ['account', 'user_id'], remove: true }, transport: { target: 'pino/file', options: { destination: 1 } } });
    logger.info({ account: secret }, 'from a thread');
  `);
  assert.deepEqual(records.map(({ msg, request_id: id, user_id: user }) => [msg, id, user]), [['from a thread', 'r-1', undefined]]);
});

test('what a host puts before process.stdout.write sees the lines of the console, and what it hides stays hidden', async () => {
  const records = await run('loggers', `
    const { write } = process.stdout;
    process.stdout.write = (chunk, ...rest) => write.call(process.stdout, masked(chunk), ...rest);
    console.log('first ' + secret, { account: secret, n: 1 });
    console.error(new Error(secret));
    process.stdout.write('text ' + secret + '\\n');
    pino({}, process.stdout).info(secret);
  `);
  assert.deepEqual(records.map(({ message, msg }) => message ?? msg), ['first ***', '***', 'text ***', '***']);
  assert.equal(records[0].account, '***');
  assert.equal(records[1].err.message, '***');
});
