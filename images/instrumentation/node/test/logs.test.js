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
  assert.deepEqual(records.map(({ message }) => message), ['Uncaught exception: x', 'handled']);
});
