'use strict';

// Installs each host from its own lock file and builds those that are built; what is there already stays.

const { execFileSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync, statSync } = require('node:fs');
const { join } = require('node:path');

const HOSTS = join(__dirname, '..', 'hosts');
const MADE = new Set(['node_modules', '.next']);

const changed = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

/** When the newest of a folder's own files was written. */
function newest(folder) {
  return Math.max(...readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !MADE.has(name)).map((entry) =>
    (entry.isDirectory() ? newest(join(folder, entry.name)) : changed(join(folder, entry.name)))));
}

const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_OPTIONS: '' };
const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });

for (const host of readdirSync(HOSTS)) {
  const cwd = join(HOSTS, host);
  if (changed(join(cwd, 'node_modules', '.package-lock.json')) < changed(join(cwd, 'package-lock.json'))) {
    console.log(`Installing the host ${host}`);
    npm(cwd, 'ci', '--ignore-scripts');
  }
  const { scripts } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'));
  if (scripts?.build && changed(join(cwd, '.next', 'BUILD_ID')) < newest(cwd)) {
    console.log(`Building the host ${host}`);
    npm(cwd, 'run', 'build');
  }
}
