'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { REGISTER, startHost, startScript } = require('./support/processes');

const WAYS = `
  const { execFile, execFileSync, execSync, spawn, spawnSync, fork } = require('node:child_process');
  const { promisify } = require('node:util');
  const code = 'console.log({ n: 42 }); console.error("aside"); process.exitCode = 3';
  const node = process.execPath;
  const caught = (work) => { try { return work(); } catch (error) { return error; } };
  const collect = (child) => new Promise((resolve) => {
    let text = '';
    child.stdout.on('data', (part) => (text += part));
    child.on('close', (status) => resolve({ stdout: text, status }));
  });
  (async () => {
    const failed = caught(() => execFileSync(node, ['-e', code], { encoding: 'utf8', stdio: 'pipe' }));
    const found = {
      execFileSync: [failed.stdout, failed.stderr, failed.status],
      execSync: execSync('"$NODE" -p 42', { encoding: 'utf8', env: { ...process.env, NODE: node } }),
      spawnSync: spawnSync(node, ['-e', code], { encoding: 'utf8' }).stdout,
      execFile: (await promisify(execFile)(node, ['-p', 'JSON.stringify({ price: 0.10 })'])).stdout,
      spawn: await collect(spawn(node, ['-e', code])),
      uncaught: spawnSync(node, ['-e', 'throw new RangeError("out")'], { encoding: 'utf8' }),
    };
    console.log('read', { found });
    spawnSync(node, ['-e', 'console.log("of a child that shares the streams")'], { stdio: 'inherit' });
  })();
`;

test('what a service reads of its children is as they wrote it, and what they write to its own streams is a record', async () => {
  const host = await startScript(WAYS, { preload: false, env: { NODE_OPTIONS: `--require ${REGISTER}` } });
  const { found } = await host.saying('read');
  assert.deepEqual(found.execFileSync, ['{ n: 42 }\n', 'aside\n', 3]);
  assert.equal(found.execSync, '42\n');
  assert.equal(found.spawnSync, '{ n: 42 }\n');
  assert.equal(found.execFile, '{"price":0.1}\n');
  assert.deepEqual(found.spawn, { stdout: '{ n: 42 }\n', status: 3 });
  assert.equal(found.uncaught.stdout, '');
  assert.match(found.uncaught.stderr, /RangeError: out/);
  await host.saying('of a child that shares the streams');
  await host.ended;
});

test('a program that is started by a link is found, whatever its stdout is', async () => {
  const { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
  const { tmpdir } = require('node:os');
  const { join } = require('node:path');
  const folder = mkdtempSync(join(tmpdir(), 'atlas-link-'));
  try {
    mkdirSync(join(folder, 'program'));
    writeFileSync(join(folder, 'program', 'part.js'), "console.log('found');");
    writeFileSync(join(folder, 'program', 'main.js'), "require('./part');");
    symlinkSync(join(folder, 'program', 'main.js'), join(folder, 'link'));
    const host = await startHost([join(folder, 'link')]);
    await host.saying('found');
    await host.ended;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a thread whose stdout the service reads writes there as it would, and any other one writes records', async () => {
  const host = await startScript(`
    const { Worker } = require('node:worker_threads');
    const code = 'console.log({ n: 42 }); process.stdout.write("more")';
    const worker = new Worker(code, { eval: true, stdout: true });
    let text = '';
    worker.stdout.on('data', (part) => (text += part)).on('end', () => {
      console.log('read', { text });
      new Worker('console.log("of a thread")', { eval: true });
    });
  `);
  assert.equal((await host.saying('read')).text, '{ n: 42 }\nmore');
  await host.saying('of a thread');
  await host.ended;
});
