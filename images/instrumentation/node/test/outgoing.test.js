'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { join } = require('node:path');
const { test } = require('node:test');

const REGISTER = join(__dirname, '..', 'register.js');

/** A service that calls itself in forms that Node takes, and prints what arrived. */
function host() {
  const http = require('node:http');
  const server = http.createServer((req, res) => res.end(JSON.stringify(req.rawHeaders)));
  server.listen(0, '127.0.0.1', async () => {
    const { port } = server.address();
    const url = `http://127.0.0.1:${port}/`;
    const lists = [['Host', 'h', 'A', '1', 'a', '2'], [['Host', 'h'], ['A', '1'], ['a', '2']]];
    const forms = [(done) => http.get(url, undefined, done), ...[{ A: ['1'], a: '2' }, { Host: ['h'] }, ...lists].map((headers) => (done) => http.get(url, { headers }, done))];
    const seen = [];
    for (const form of forms) {
      seen.push(await new Promise((resolve) => {
        try {
          form(async (answer) => {
            const list = JSON.parse((await answer.toArray()).join(''));
            const pairs = list.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), list[at + 1].replace(String(port), '')]] : []));
            resolve(pairs.filter(([name]) => name !== 'traceparent').sort());
          });
        } catch (error) {
          resolve(error.code);
        }
      }));
    }
    process.stderr.write(JSON.stringify(seen), () => process.exit());
  });
}

test('a call has what its service gave it, in each form that Node takes', () => {
  const run = (...args) => JSON.parse(execFileSync('sh', ['-c', 'exec "$0" "$@" 2>&1 >/dev/null', process.execPath, ...args, '-e', `(${host})()`], { timeout: 20_000 }));
  assert.deepEqual(run('--require', REGISTER), run());
});
