#!/usr/bin/env bash
# A service that passes on its caller's headers by fetch, as a proxy does, breaks the trace. @opentelemetry/instrumentation-undici 0.33.0
# adds its traceparent to the one that is there, so two leave; @opentelemetry/core 2.12.0 reads them in the next service as one value that
# is none, and begins a new trace. One would expect the new one in place of the old one, as the instrumentation of node:http does it.
#
# Needs Node.js 20 or newer with npm, and the registry of npm. Fails if this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @opentelemetry/api@1.9.1 @opentelemetry/instrumentation-http@0.223.0 \
  @opentelemetry/instrumentation-undici@0.33.0 @opentelemetry/sdk-trace-node@2.12.0 >/dev/null

cat >pass.js <<'JS'
const { trace } = require('@opentelemetry/api');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');

new NodeTracerProvider().register();
new HttpInstrumentation();
new UndiciInstrumentation();
const http = require('node:http');
const server = http.createServer(async (request, answer) => {
  const mine = trace.getActiveSpan().spanContext().traceId;
  if (request.url === '/last') {
    const sent = request.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'traceparent').length;
    return answer.end(JSON.stringify({ sent, last: mine }));
  }
  const { traceparent } = request.headers;
  const next = await fetch(`http://127.0.0.1:${server.address().port}/last`, { headers: { traceparent } });
  answer.end(JSON.stringify({ ...(await next.json()), first: mine }));
}).listen(0, '127.0.0.1', () => {
  const headers = { traceparent: '00-11111111111111111111111111111111-2222222222222222-01' };
  http.get({ host: '127.0.0.1', port: server.address().port, headers }, (answer) => {
    answer.on('data', (text) => {
      const { sent, first, last } = JSON.parse(text);
      console.log(`traceparents sent: ${sent}; the same trace: ${first === last}`);
    }).on('end', () => process.exit());
  });
});
JS
found=$(node pass.js)

echo "$found"
[[ $found == 'traceparents sent: 2; the same trace: false' ]]
