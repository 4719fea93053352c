'use strict';

const assert = require('node:assert/strict');
const { readdirSync, readFileSync } = require('node:fs');
const { join, relative } = require('node:path');
const { test } = require('node:test');
const { defaultTextMapGetter, ROOT_CONTEXT, SpanKind } = require('@opentelemetry/api');
const { AlwaysOnSampler, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const acorn = require('acorn');
const { assertLinear, SHAPES } = require('./support/growth');
const { startScript } = require('./support/processes');

new NodeTracerProvider().register();

const LIB = join(__dirname, '..', 'lib');
const FILES = readdirSync(LIB, { recursive: true }).filter((name) => name.endsWith('.js')).sort();

/** Every pattern that stands in a file. */
function patternsOf(file) {
  const found = [];
  const onToken = ({ type, value }) => {
    if (type.label === 'regexp') found.push(value.value ?? new RegExp(value.pattern, value.flags));
  };
  acorn.parse(readFileSync(join(LIB, file), 'utf8'), { ecmaVersion: 'latest', allowHashBang: true, allowReturnOutsideFunction: true, onToken });
  return found;
}

for (const file of FILES) {
  for (const pattern of patternsOf(file)) {
    test(`${pattern} in ${file} looks at no character twice`, () => {
      for (const [name, make] of SHAPES) {
        assertLinear(`${pattern} on ${name}`, make, (text) => {
          pattern.lastIndex = 0;
          text.replace(pattern, '');
          text.match(pattern);
        });
      }
    });
  }
}

test('a quadratic pattern is found', () => {
  assert.throws(() => assertLinear('', (size) => ' '.repeat(size) + 'x', (text) => text.replace(/\s+$/, '')), /a quarter of them/);
});

const own = (name) => require(join(LIB, name));
const sink = { write() {} };
const root = () => own('log/logger.js').createLogger({ level: 'trace', service: 's' }, sink);
const lines = () => own('log/lines.js').createLines(root(), sink, 's');
const traced = '"_trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}';
const guard = () => own('http/cookies.js').createGuard({ mode: 'auto', session: ['*a*b*c*', '*session-token*', '*.sid', '* *'], kept: ['*x*', '*.*.*.*='] });
const settings = (text) => Object.fromEntries(
  [...readFileSync(join(LIB, 'settings.js'), 'utf8').matchAll(/[A-Z]{2,}(_[A-Z]+)+/g)].map(([name]) => [name, text]),
);
const response = (location, cookie) => ({
  statusCode: 302, headersSent: false, writeHead() {}, write() {}, end() {}, setHeader() {}, removeHeader() {},
  getHeader: (name) => ({ location, 'set-cookie': cookie })[name],
});
const failed = (text) => Object.assign(new Error(text), { code: text, detail: text, [text]: text, errors: [new Error(text)], cause: new Error(text) });

/** What each file does with what comes from outside; each is given the texts above. */
const FED = {
  'json-text.js': () => [own('json-text.js').membersOf],
  'bus/envelope.js': () => {
    const { process: receive, publish } = own('bus/envelope.js');
    return [(message) => publish('c', message, (sent) => receive('c', sent, String)), (message) => receive(message, message, String)].flatMap((take) => [
      take,
      (text) => take(Buffer.from(text)),
      (text) => take(`{"a":${JSON.stringify(text)},${traced}}`),
      (text) => take(`{${traced},"a":${JSON.stringify(text)}}`),
      (text) => take(`{"a":1,${traced}${text}}`),
      (text) => take(`{"a":1${text},${traced}${text}}${text}`),
    ]);
  },
  'http/cookies.js': () => {
    const { guard: set, isLogin, isSession } = guard();
    return [set, isLogin, isSession].flatMap((each) => [each, (text) => each(`${text}=${text}`), (text) => each(`n=v; ${text}`)]);
  },
  'http/login.js': () => {
    const { askAgain, comesFromElsewhere, lacksSession, pairs, surviveStrict } = own('http/login.js');
    const { isLogin, isSession } = guard();
    const headers = (text) => ({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', cookie: text, 'x-forwarded-proto': text, 'x-forwarded-host': text, host: text });
    return [
      (text) => comesFromElsewhere({ url: text, headers: {} }),
      (text) => lacksSession({ method: 'GET', url: `/?state=1&code=2&${text}`, headers: headers(text) }, isSession, isLogin),
      (text) => askAgain({ url: text }, response()),
      (text) => pairs([...text].flatMap((each) => [each, each])),
      (text) => {
        const answer = response(text, `a.sid=${text}`);
        surviveStrict({ url: text, headers: headers(text), socket: {} }, answer, isSession, text);
        answer.end(text);
      },
    ];
  },
  'http/request.js': () => {
    const { Request } = own('http/request.js');
    return [(text) => new Request({ headers: { 'x-request-id': text }, user: { id: text } }, {}).user];
  },
  'headers.js': () => {
    const { prepare, sendOnce } = own('headers.js');
    const sent = (headers) => {
      const request = { headers, addHeader() {} };
      sendOnce(request);
      for (const name of ['traceparent', 'baggage']) request.addHeader(name, 'x');
    };
    return [
      (text) => prepare({ headers: { [text]: text, Traceparent: text } }), (text) => prepare({ headers: [text, text, 'baggage', text] }),
      (text) => prepare({ headers: [...text].flatMap((each) => [each, each]) }),
      (text) => sent([text, text, 'Traceparent', text]), (text) => sent(`a: ${text}\r\n${text}: b\r\n${text}`),
    ];
  },
  'spans/attributes.js': () => {
    const { askedBy, askedFor } = own('spans/attributes.js');
    const from = (text) => ({ 'user-agent': text, forwarded: text, 'x-forwarded-for': text, 'x-forwarded-host': text, host: text });
    return [
      (text) => askedFor({ method: text, url: text }), (text) => askedFor({ method: 'GET', url: `/${text}?${text}` }),
      (text) => askedFor({ method: 'GET', url: `http://a/${text}` }), (text) => askedBy({ headers: from(text), method: text, socket: {} }, 'http'),
      (text) => askedBy({ headers: { forwarded: `for=${text};host=${text}` }, method: 'GET', socket: {} }, 'http'),
    ];
  },
  'http/upgrade.js': () => {
    const { upgrading } = own('http/upgrade.js');
    return [(text) => {
      const socket = { end() {}, write() {}, once() {} };
      upgrading({ headers: { 'x-request-id': text }, url: text }, socket, 'http', () => {}, () => {});
      socket.write(text);
    }];
  },
  'log/text.js': () => [own('log/text.js').clean, own('log/text.js').uncoloured, (text) => own('log/text.js').cut(text, 5000)],
  'log/bounds.js': () => {
    const { bounded, budget, shown } = own('log/bounds.js');
    return [
      (text) => bounded({ [text]: text, list: [text], map: new Map([[text, text]]), bytes: Buffer.from(text) }, budget()),
      (text) => shown({ [text]: text, list: [text] }),
    ];
  },
  'log/errors.js': () => {
    const { describe, messageOf, stackOf } = own('log/errors.js');
    return [describe, messageOf, stackOf].map((each) => (text) => each(failed(text)));
  },
  'log/record.js': () => {
    const { toFields, toRecord } = own('log/record.js');
    return [
      (text) => toRecord([text]), (text) => toRecord([text, text, { [text]: text }]), (text) => toRecord(['%s %o %j', text, { text }, { text }]),
      (text) => toRecord([text, ...text.slice(0, 10000)]), (text) => toRecord([failed(text)]), (text) => toFields({ [text]: text, err: failed(text) }),
    ];
  },
  'log/shrink.js': () => [
    own('log/shrink.js').shrink, (text) => own('log/shrink.js').shrink(`{"a":${JSON.stringify(text)},"b":[${JSON.stringify(text)}],"c":${text}`, 7),
  ],
  'log/lines.js': () => {
    const { adopt, take } = lines();
    return [adopt, take, (text) => adopt(`{"a":${JSON.stringify(text)}}`), (text) => take(`{"level":${JSON.stringify(text)}}\n{"a":"\n${text}`)];
  },
  'log/logger.js': () => {
    const logger = root();
    const once = own('log/logger.js').createOnce(logger);
    return [(text) => logger.info({ [text]: text }, text), (text) => logger.error(failed(text)), (text) => once(text)];
  },
  'edge.js': () => {
    const { EdgePropagator } = own('edge.js');
    const propagator = new EdgePropagator();
    return ['traceparent', 'tracestate', 'baggage', 'x-forwarded-for'].map((name) => (text) => propagator.extract(
      ROOT_CONTEXT, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', forwarded: 'for=1', [name]: text }, defaultTextMapGetter,
    ));
  },
  'important.js': () => {
    const { ImportantTraces } = own('important.js');
    const sampler = new ImportantTraces(new AlwaysOnSampler(), ['order', 'kill']);
    return ['http.target', 'url.full', 'messaging.destination.name'].map((name) => (text) => sampler.shouldSample(
      ROOT_CONTEXT, '0af7651916cd43dd8448eb211c80319c', text, SpanKind.SERVER, { [name]: text, ...(name.includes('url') && { 'http.method': 'POST' }) }, [],
    ));
  },
  'settings.js': () => [(text) => own('settings.js').readSettings(settings(text))],
};

/** Files that take nothing apart which comes from outside the program, and those whose parts above do it for them. */
const OTHERS = new Set([
  'bus/ioredis.js', 'bus/redis.js', 'context.js', 'esm.js', 'family/family.js', 'family/hub.js', 'family/merge.js', 'family/page.js',
  'family/ports.js', 'family/snapshot.js', 'family/wire.js', 'host-metrics.js', 'host-pino.js', 'host-pino-pretty.js', 'host-sdk.js',
  'host-winston.js', 'spans/express.js', 'spans/fastify.js', 'spans/incoming.js', 'http/route.js', 'http/server.js', 'log/captured.js', 'log/console.js', 'log/crash.js',
  'log/install.js', 'log/origin.js', 'log/sink.js', 'log/stdout.js', 'metrics.js', 'shutdown.js', 'start.js', 'tracing.js',
]);

test('every file of the package is fed, or is known to take nothing apart', () => {
  for (const file of FILES) assert.ok(file in FED || OTHERS.has(file), `${file}: add it to one of the two lists of this test`);
});

for (const [file, made] of Object.entries(FED)) {
  test(`what ${file} does with a text costs no more than the text is long`, () => {
    for (const [at, work] of made().entries()) {
      for (const [name, make] of SHAPES) assertLinear(`${file}, ${at + 1}, on ${name}`, make, work);
    }
  });
}

test('nothing but these tests reads a file of the package that is not there', () => {
  for (const file of [...Object.keys(FED), ...OTHERS]) assert.ok(FILES.includes(file), `${relative('.', file)} is gone: take it off the lists`);
});

test('a line without an end costs no more memory than is kept of it', async () => {
  const program = await startScript(`
    const piece = 'x'.repeat(65536);
    const begin = process.memoryUsage().rss;
    for (let n = 0; n < 4000; n += 1) process.stdout.write(piece);
    process.stdout.write('\\n');
    console.log({ grown: process.memoryUsage().rss - begin });
  `);
  await program.ended;
  const [line, after] = program.records;
  assert.match(line.message, /^x{65536}… \(\d+ more characters\)… \(\d+ more characters\)$/);
  assert.ok(after.grown < 64e6, `${after.grown} bytes`);
});
