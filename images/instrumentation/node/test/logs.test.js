'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { startScript } = require('./support/processes');

/** Runs a program to its end and gives its records. */
async function run(script, env) {
  const program = await startScript(script, { env });
  const end = await program.ended;
  return { ...end, records: program.records, stderr: program.stderr };
}

const only = ({ records }) => {
  assert.equal(records.length, 1, JSON.stringify(records));
  return records[0];
};

test('a line of console.log has time, level, logger, message and service, and no ids outside a request', async () => {
  const record = only(await run("console.log('started %s on %d', 'api', 8000)"));
  assert.match(record.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.now() - Date.parse(record.timestamp)) < 60000);
  const { timestamp, ...rest } = record;
  assert.deepEqual(rest, { level: 'info', service: 'stranger', logger: 'console', message: 'started api on 8000' });
});

test('the methods of the console have their levels, all of them on stdout', async () => {
  const { records, stderr } = await run("for (const each of ['debug', 'log', 'info', 'warn', 'error']) console[each](each)", { LOG_LEVEL: 'debug' });
  assert.deepEqual(records.map(({ level }) => level), ['debug', 'info', 'info', 'warning', 'error']);
  assert.equal(stderr, '');
});

for (const [level, said] of [['debug', 5], ['info', 4], ['WARNING', 2], ['warn', 2], ['error', 1], ['critical', 0]]) {
  test(`LOG_LEVEL=${level} lets ${said} of five levels through`, async () => {
    const { records } = await run("for (const each of ['debug', 'log', 'info', 'warn', 'error']) console[each](each)", { LOG_LEVEL: level });
    assert.equal(records.length, said);
  });
}

test('a text of several lines is one record, by console and by stdout', async () => {
  const { records } = await run("console.log('a\\nb'); process.stdout.write('c\\n  d\\n'); process.stdout.write('half '); process.stdout.write('line\\n')");
  assert.deepEqual(records.map(({ message }) => message), ['a\nb', 'c\n  d', 'half line']);
});

test('a line that never ends comes when the program does', async () => {
  assert.equal(only(await run("process.stdout.write('Working...')")).message, 'Working...');
});

test('objects become fields, and cannot speak for the record', async () => {
  const record = only(await run("console.log('filled', { orderId: 7, nested: { price: 1.5 }, level: 'fake', service: 'other' })"));
  assert.equal(record.message, 'filled');
  assert.equal(record.orderId, 7);
  assert.deepEqual(record.nested, { price: 1.5 });
  assert.equal(record.level, 'info');
  assert.equal(record.service, 'stranger');
  assert.deepEqual(record.data, { level: 'fake', service: 'other' });
});

test('an error is its message and the text of its stack with its causes', async () => {
  const record = only(await run("console.error('cannot order', new Error('outer', { cause: new TypeError('inner') }))"));
  assert.equal(record.level, 'error');
  assert.equal(record.message, 'cannot order');
  assert.match(record.exception, /^Error: outer\n\s+at [^]*Caused by: TypeError: inner\n\s+at /);
  assert.equal(only(await run("console.error(new RangeError('alone'))")).message, 'alone');
});

test('what cannot be printed as JSON is printed all the same, and the console never throws', async () => {
  const { code, records } = await run(`
    const circle = { name: 'c' }; circle.self = circle;
    console.log('circle', circle);
    console.log({ get broken() { throw new Error('no'); } });
    console.log('big', { n: 10n }, Symbol('s'), undefined, null, () => 1, new Map([[1, 2]]));
    console.log(new Proxy({}, { get() { throw new Error('no'); } }));
    console.log(Object.create(null));
    console.log('\\u001b[31mred\\u001b[0m');
    console.table([{ a: 1 }]); console.group('g'); console.dir({ a: 1 }); console.assert(false, 'untrue');
  `);
  assert.equal(code, 0);
  assert.equal(records.length, 10);
  assert.equal(records[5].message, 'red');
  assert.equal(records[9].message, 'Assertion failed: untrue');
});

test('a service\'s own JSON keeps its members and their text, and gets those that it lacks', async () => {
  const program = await startScript("console.log('{\"msg\":\"own\",\"price\":0.10,\"n\":12345678901234567890}'); process.stdout.write('{\"level\":\"warn\",\"timestamp\":\"t\",\"service\":\"mine\"}\\n{}\\n')");
  await program.ended;
  const [first, second, third] = program.stdout.trimEnd().split('\n');
  assert.match(first, /^\{"msg":"own","price":0\.10,"n":12345678901234567890,/);
  assert.equal(JSON.parse(first).level, 'info');
  assert.equal(second, '{"level":"warn","timestamp":"t","service":"mine"}');
  assert.equal(JSON.parse(third).service, 'stranger');
});

test('writes past the console are lines too: descriptors, streams and bytes', async () => {
  const { records } = await run(`
    const fs = require('node:fs');
    fs.writeSync(1, 'by descriptor\\n');
    fs.writeSync(1, Buffer.from('xxby bytes\\nyy'), 2, 9);
    process.stdout.write(Buffer.from('grüße\\n').subarray(0, 4)); process.stdout.write(Buffer.from('grüße\\n').subarray(4));
    fs.write(1, 'by callback\\n', (error, bytes) => console.log({ error, bytes }));
  `);
  assert.deepEqual(records.map(({ message }) => message), ['by descriptor', 'by bytes', 'grüße', 'by callback', '']);
  assert.equal(records[4].bytes, 12);
});

test('what is written to stdout that is neither text nor bytes is refused, as ever', async () => {
  const record = only(await run('try { process.stdout.write(7) } catch (error) { console.log(error.code) }'));
  assert.equal(record.message, 'ERR_INVALID_ARG_TYPE');
});

test('workers of a program log lines of JSON as well', async () => {
  const { records } = await run("new (require('node:worker_threads').Worker)(\"console.log('from a thread', { n: 1 })\", { eval: true })");
  assert.deepEqual(records.map(({ message, n }) => [message, n]), [['from a thread', 1]]);
});

test('warnings of Node are one record each', async () => {
  const record = only(await run("process.emitWarning('soon gone', 'DeprecationWarning', 'DEP_X')"));
  assert.equal(record.level, 'warning');
  assert.equal(record.message, 'soon gone');
  assert.equal(record.code, 'DEP_X');
});

for (const [what, script, message] of [
  ['an uncaught error', "setTimeout(() => { throw new TypeError('bad') }, 5); setInterval(() => {}, 1000)", 'Uncaught exception: bad'],
  ['an unhandled rejection', "Promise.reject(new TypeError('bad')); setInterval(() => {}, 1000)", 'Unhandled rejection: bad'],
  ['a thrown text', "setTimeout(() => { throw 'bad' }, 5); setInterval(() => {}, 1000)", "Uncaught exception: 'bad'"],
]) {
  test(`${what} is one record, and the exit code is Node's`, async () => {
    const result = await run(script);
    const record = only(result);
    assert.equal(result.code, 1);
    assert.equal(record.level, 'critical');
    assert.equal(record.message, message);
    assert.match(record.exception, /bad/);
    assert.equal(result.stderr, '');
  });
}

test('a service that handles its uncaught errors goes on', async () => {
  const { code, records } = await run("process.on('uncaughtException', () => console.log('handled')); setTimeout(() => { throw new Error('x') }, 5); setTimeout(() => process.exit(7), 50)");
  assert.equal(code, 7);
  assert.deepEqual(records.map(({ message }) => message), ['Uncaught exception, which the service handles itself', 'handled']);
});

test('one record costs and holds a bounded part of what it is given, and says what is missing', async () => {
  const program = await startScript(`
    const wide = {};
    for (let n = 0; n < 5e4; n += 1) wide['k' + n] = n;
    class Book { orders = wide; }
    let deep = {};
    for (let n = 0; n < 1e5; n += 1) deep = { deep };
    const circle = { name: 'c' };
    circle.self = circle;
    const odd = {
      circle, deep, wide, list: Array(1e5).fill(0.1), map: new Map([['k', 1], [{}, 2]]), set: new Set(['s']), bytes: Buffer.alloc(1e6), floats: new Float64Array(1e5),
      big: 12345678901234567890n, huge: 1n << 1000000n, date: new Date(0), nothing: null, missing: undefined, call() {}, symbol: Symbol('s'), price: 0.1, nan: NaN,
      get lazy() { throw new Error('asked'); }, json: { toJSON() { throw new Error('no JSON'); } }, again: { toJSON() { return { toJSON: this.toJSON }; } },
      proxy: new Proxy({ a: 1 }, { ownKeys() { throw new Error('asked'); } }), ['__proto__']: { polluted: true }, text: '😀'.repeat(1e5), control: '\\u0000'.repeat(1e5),
    };
    const { logger } = globalThis[Symbol.for('@atlas/instrumentation')];
    const all = [wide, odd, new Book(), 'x'.repeat(1e6), '\\u0000'.repeat(1e6), '€'.repeat(1e6), [wide], Array(1e5).fill(wide)];
    for (const each of all) {
      console.log(each);
      console.log('with', { each });
      console.log('%s %o %j', each, each);
      logger.info({ each }, 'own');
    }
    console.log(...Array(50000).fill('many'));
    process.stdout.write(JSON.stringify({ level: 'error', price: 0.1, list: Array(1e5).fill(1), text: '\\\\"'.repeat(1e6), last: 12.50 }) + '\\n');
    process.stdout.write(JSON.stringify({ level: 'error', text: '"'.repeat(4e5), price: 0.1 }) + '\\n');
  `);
  const { code } = await program.ended;
  assert.equal(code, 0, program.stdout.slice(-500) + program.stderr);
  for (const line of program.stdout.split('\n')) assert.ok(Buffer.byteLength(line) <= 192 * 1024 + 1, `${Buffer.byteLength(line)}`);
  const { records } = program;
  assert.equal(records.length, 8 * 4 + 3);
  const [wide, , , , odd] = records;
  assert.deepEqual([wide.k0, wide.k199, wide.k200, wide['…']], [0, 199, undefined, '49800 more']);
  assert.match(odd.text, /^(😀)+… \(\d+ more characters\)$/u);
  assert.deepEqual([odd.circle, odd.price, odd.list.length, odd.list.at(-1)], [{ name: 'c', self: '[Circular]' }, 0.1, 201, '… 99800 more']);
  assert.deepEqual([odd.set, odd.date, odd.nothing, odd.lazy, odd.json], [['s'], '1970-01-01T00:00:00.000Z', null, '[Getter]', '[not shown: no JSON]']);
  assert.ok(program.stdout.includes('"big":12345678901234567890,'));
  assert.deepEqual(records.slice(-2).map(({ level, service }) => [level, service]), [['error', 'stranger'], ['error', 'stranger']]);
  assert.equal(records.at(-1).price, 0.1);
});
