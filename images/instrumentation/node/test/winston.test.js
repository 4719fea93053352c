'use strict';

const assert = require('node:assert/strict');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, test } = require('node:test');
const { startScript } = require('./support/processes');

const CWD = join(__dirname, 'hosts', 'loggers');
const SECRET = `account-${process.pid}-${Date.now()}`;
const FOLDER = mkdtempSync(join(tmpdir(), 'winston-'));

after(() => rmSync(FOLDER, { recursive: true }));

/** Runs `script` in a request of user u-7 and gives what it printed, without what the instrumentation itself says. */
async function run(script, { preload = true, env = {} } = {}) {
  const program = await startScript(`
    const winston = require('winston');
    const { format, transports } = winston;
    const secret = process.env.SECRET;
    const masked = (text) => String(text).replaceAll(secret, '***');
    const logger = (options) => winston.createLogger({ transports: [new transports.Console()], ...options });
    const server = require('node:http').createServer(async (request, response) => {
      request.user = { id: 'u-7' };
      await (async () => { ${script} })();
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1', async () => {
      await fetch('http://127.0.0.1:' + process.env.PORT, { headers: { 'x-request-id': 'r-1' } }).catch(() => {});
      server.close();
      server.closeAllConnections();
    });
  `, { cwd: CWD, preload, env: { SECRET, ...env } });
  await program.ended;
  assert.ok(!program.stdout.includes(SECRET), program.stdout);
  return program;
}

function assertIds(records) {
  for (const each of records) {
    assert.deepEqual([each.request_id, each.user_id, each.service], ['r-1', 'u-7', 'stranger'], JSON.stringify(each));
    assert.match(`${each.trace_id} ${each.span_id}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
    assert.match(each.timestamp, /Z$/);
  }
}

const FORMATS = [
  'format.json()',
  'format.simple()',
  'format.combine(format.colorize({ all: true }), format.simple())',
  'format.combine(format.colorize({ all: true }), format.json())',
  'format.json({ space: 2 })',
  'format.combine(format.errors({ stack: true }), format.timestamp(), format.json())',
  'format.combine(format.errors({ stack: true }), format.timestamp(), format.simple())',
];

test('in every format each line is one record with its level, message, fields, error and ids', async () => {
  const { records, stderr } = await run(`
    for (const each of [${Object.values(FORMATS)}]) {
      const log = logger({ format: each, level: 'silly' }).child({ component: 'book' });
      log.warn('order placed', { orderId: 7, price: 0.1 });
      log.error('not placed', new TypeError('no price'));
      log.error(new RangeError('out of range'));
      log.silly('the least');
    }
  `);
  assert.equal(stderr, '');
  assert.equal(records.length, 4 * FORMATS.length);
  assertIds(records);
  for (let at = 0; at < records.length; at += 4) {
    const [placed, failed, alone, least] = records.slice(at, at + 4);
    assert.deepEqual([placed.message, placed.orderId, placed.price, placed.component], ['order placed', 7, 0.1, 'book']);
    assert.ok(['warn', 'warning'].includes(placed.level), placed.level);
    assert.ok(['silly', 'debug'].includes(least.level), least.level);
    assert.deepEqual([failed.level, failed.message, alone.level, alone.message], ['error', 'not placed no price', 'error', 'out of range']);
    assert.match(failed.exception ?? failed.stack, /^(Type)?Error: .*no price\n    at /);
    assert.match(alone.exception ?? alone.stack, /^(Range)?Error: out of range\n    at /);
  }
});

test('a line of printf is its text, with the level and the ids', async () => {
  const { records } = await run(`
    const log = logger({ format: format.combine(format.timestamp(), format.printf(({ level, message }) => '[' + level + '] ' + message)) });
    log.warn('of two\\nlines', { account: secret });
    log.error(new Error('failed'));
  `);
  assert.equal(records.length, 2);
  assertIds(records);
  assert.deepEqual(records.map(({ level, message }) => [level, message]), [['warning', '[warn] of two\nlines'], ['error', '[error] failed']]);
  assert.match(records[1].exception, /^Error: failed\n    at /);
});

test('the levels of every scheme, and of a host\'s own, are levels here', async () => {
  const words = {
    emerg: 'critical', alert: 'critical', crit: 'critical', error: 'error', warn: 'warning', warning: 'warning', notice: 'info', info: 'info', http: 'info',
    help: 'info', data: 'info', prompt: 'info', input: 'info', verbose: 'debug', debug: 'debug', silly: 'debug', audit: 'info', fatal: 'critical',
  };
  const { records } = await run(`
    for (const { levels } of [...Object.values(winston.config).filter((each) => each.levels), { levels: { fatal: 0, audit: 1 } }]) {
      for (const made of [format.simple(), format.json()]) {
        const names = Object.keys(levels);
        const log = winston.createLogger({ levels, level: names.at(-1), format: made, transports: [new transports.Console({ stderrLevels: ['error'], consoleWarnLevels: ['warn'] })] });
        for (const name of names) log.log(name, name);
      }
    }
  `, { env: { LOG_LEVEL: 'error' } });
  assert.equal(records.length, 2 * (10 + 7 + 8 + 2));
  for (const { level, severity, message } of records) {
    const plain = ['help', 'data', 'prompt', 'input', 'audit'].includes(message);
    assert.ok(level === words[message] || (level === message && (!plain || severity === 'info')), JSON.stringify({ level, severity, message }));
  }
});

test('what a host\'s formats hide is in no line', async () => {
  const { records } = await run(`
    const mask = format((info) => {
      info.message = masked(info.message);
      delete info.account;
      delete info.user_id;
      if (info.stack) info.stack = masked(info.stack);
      return info;
    });
    const data = () => ({ account: secret, user_id: secret, n: 1 });
    const all = (at, log) => {
      log.info(at + ' ' + secret, data());
      log.error(new Error(at + ' ' + secret, { cause: new Error(secret) }));
      log.error(at, Object.assign(new Error(secret), { account: secret }));
      log.error(at, { err: new Error(secret) });
    };
    all('logger', logger({ format: format.combine(mask(), format.json()) }));
    all('simple', logger({ format: format.combine(mask(), format.simple()) }));
    all('transport', winston.createLogger({ transports: [new transports.Console({ format: format.combine(mask(), format.json()) })] }));
    all('copying', logger({ format: format.combine(format(({ account, user_id, ...info }) => info)(), mask(), format.json()) }));
    all('printf', logger({ format: format.printf(({ level }) => level + ': said') }));
    all('late', Object.assign(logger(), { format: format.combine(mask(), format.json()) }));
    logger({ silent: true }).error(secret);
    logger({ format: format(() => false)() }).info(secret);
    winston.configure({ format: format.combine(mask(), format.json()), transports: [new transports.Console()] });
    winston.warn('default ' + secret, data());
  `);
  assert.equal(records.length, 25);
  assert.deepEqual(records.map(({ request_id: id }) => id), Array(25).fill('r-1'));
  const [plain, alone] = records;
  assert.deepEqual([plain.message, plain.n, 'account' in plain, 'user_id' in plain], ['logger ***', 1, false, false]);
  assert.match(alone.exception, /^Error: logger \*\*\*\n    at .*\nCaused by: Error\n    at /s);
  assert.equal(records.at(-1).message, 'default ***');
});

test('files and streams are the host\'s own, as they would be without the instrumentation', async () => {
  const written = [];
  for (const preload of [true, false]) {
    const file = join(FOLDER, `${preload}.log`);
    const { stdout, records } = await run(`
      const { PassThrough } = require('node:stream');
      const stream = new PassThrough();
      const file = new transports.File({ filename: process.env.FILE });
      const log = winston.createLogger({ format: format.json(), transports: [new transports.Console(), file, new transports.Stream({ stream }), new transports.Stream({ stream: process.stdout })] });
      log.info('one', { n: 1 });
      log.error(new Error('two'));
      const closed = require('node:events').once(file, 'finish');
      log.end();
      await closed;
      require('node:fs').appendFileSync(process.env.FILE, stream.read());
    `, { preload, env: { FILE: file } });
    written.push(readFileSync(file, 'utf8').replace(/\\n {4}at .*?"/g, '"'));
    if (preload) assertIds(records);
    assert.equal(stdout.split('\n').length, 5);
  }
  assert.equal(written[0], written[1]);
});

test('winston\'s own handlers of exceptions are in charge: their line is masked, and ours says where', async () => {
  const program = await run(`
    winston.createLogger({
      format: format.combine(format((info) => ({ ...info, message: masked(info.message), stack: masked(info.stack), error: undefined }))(), format.json()),
      transports: [new transports.Console()], exceptionHandlers: [new transports.Console()], exitOnError: true,
    });
    setImmediate(() => { throw new TypeError('of ' + secret); });
  `);
  assert.equal((await program.ended).code, 1);
  const [ours, theirs, ...more] = program.records;
  assert.deepEqual(more, []);
  assert.match(ours.message, /handles itself$/);
  assert.match(ours.exception, /^TypeError\n    at /);
  assert.match(theirs.message, /^uncaughtException: of \*\*\*/);
});

test('a line that waits for a slow transport keeps the ids of its own request', async () => {
  const { records } = await run(`
    class Slow extends winston.Transport { log(info, done) { setTimeout(done, 1); } }
    const log = globalThis.log ??= winston.createLogger({ format: format.json(), transports: [new Slow({ highWaterMark: 1 }), new transports.Console()] });
    const id = request.headers['x-request-id'];
    for (let n = 0; n < 40; n += 1) log.info(id);
    if (id !== 'r-1') return;
    await fetch('http://127.0.0.1:' + process.env.PORT, { headers: { 'x-request-id': 'r-2' } });
    while (log._readableState.length > 0) await new Promise(setImmediate);
  `);
  assert.equal(records.length, 80);
  for (const { message, request_id: id } of records) assert.equal(id, message);
});
