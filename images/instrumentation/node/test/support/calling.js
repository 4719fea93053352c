'use strict';

/**
 * A service that calls itself in each way there is, and answers with the headers of the trace that arrived. Called with a query it passes
 * on what it was asked with, as a proxy does. `load` is the `require` of the host that it belongs to.
 */
function serve(load) {
  const http = load('node:http');
  const [axios, express, undici] = ['axios', 'express', 'undici'].map((name) => load(name));
  const { trace } = load('@opentelemetry/api');
  const app = express();
  const self = () => `http://127.0.0.1:${process.env.PORT}/echo`;
  const pairs = (headers) => Object.entries(headers).flat();
  const capitals = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.replace(/^./, (first) => first.toUpperCase()), value]));
  const get = (options) => new Promise((resolve, reject) => {
    http.get(self(), options, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part)).on('end', () => resolve(JSON.parse(text)));
    }).on('error', reject);
  });

  const ways = {
    fetch: async (headers) => (await fetch(self(), { headers })).json(),
    headers: async (headers) => (await fetch(new Request(self(), { headers: new Headers(headers) }))).json(),
    undici: async (headers) => (await undici.request(self(), { headers: pairs(headers) })).body.json(),
    capitals: async (headers) => (await undici.request(self(), { headers: capitals(headers) })).body.json(),
    http: (headers) => get({ headers }),
    array: (headers) => get({ headers: pairs({ host: '127.0.0.1', ...headers }) }),
    letters: (headers) => get({ headers: capitals(headers) }),
    axios: async (headers) => (await axios.get(self(), { headers })).data,
  };
  app.get('/echo', (req, res) => {
    const found = {};
    for (let at = 0; at < req.rawHeaders.length; at += 2) (found[req.rawHeaders[at].toLowerCase()] ??= []).push(req.rawHeaders[at + 1]);
    res.json(Object.fromEntries(['traceparent', 'tracestate', 'baggage'].map((name) => [name, found[name] ?? []])));
  });
  for (const [way, call] of Object.entries(ways)) {
    app.get(`/${way}`, async (req, res) => {
      const { traceparent, tracestate, baggage } = req.headers;
      const given = Object.entries({ traceparent, tracestate, baggage }).filter(([, value]) => value !== undefined);
      res.json(await call('forward' in req.query ? Object.fromEntries(given) : {}));
    });
  }
  app.get('/own', (req, res) => {
    const span = trace.getTracer('stranger').startSpan('own work');
    span.end();
    res.json({ trace: span.spanContext().traceId });
  });
  app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
}

module.exports = { serve };
