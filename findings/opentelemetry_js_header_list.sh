#!/usr/bin/env bash
# @opentelemetry/instrumentation-http 0.223.0 takes a list of headers apart. Node takes the headers of http.request as an object or as a
# list of names and values in turn. With the instrumentation on, a list arrives as headers that are named 0, 1, 2 and so on, and what the
# service meant to send is their values. One would expect the request to be the same, with a traceparent more.
#
# Needs Node.js 20 or newer with npm, and the registry of npm. Fails if this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @opentelemetry/api@1.9.1 @opentelemetry/instrumentation-http@0.223.0 @opentelemetry/sdk-trace-node@2.12.0 >/dev/null

cat >ask.js <<'JS'
if (process.argv[2] === 'instrumented') {
  const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
  const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
  new NodeTracerProvider().register();
  new HttpInstrumentation();
}
const http = require('node:http');
const server = http.createServer((request, answer) => answer.end(JSON.stringify(request.headers))).listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  http.get({ host: '127.0.0.1', port, headers: ['Host', 'desk', 'X-Book', 'paper'] }, (answer) => {
    answer.on('data', (text) => console.log(String(text))).on('end', () => server.close());
  });
});
JS
plain=$(node ask.js plain)
instrumented=$(node ask.js instrumented)

echo "without: $plain"
echo "with:    $instrumented"
[[ $plain == *'"x-book":"paper"'* && $instrumented == *'"2":"X-Book","3":"paper"'* && $instrumented != *x-book* ]]
