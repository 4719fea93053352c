'use strict';

const { fstatSync, statSync } = require('node:fs');
const { devNull } = require('node:os');
const { basename } = require('node:path');
const threads = require('node:worker_threads');

/** The streams of the service, for all that it starts: `device:inode` of its stdout and its stderr. The Python package has the same. */
const NAME = 'ATLAS_CONSOLE';
/** They read what their children write in order to pass it on. */
const SUPERVISORS = new Set([
  'concurrently', 'concurrently.js', 'Daemon.js', 'foreman', 'lerna', 'nf', 'nf.js', 'nodemon', 'nodemon.js', 'npm-run-all', 'pm2', 'pm2-dev',
  'pm2-docker', 'pm2-runtime', 'run-p', 'run-s', 'turbo',
]);

// Large numbers, for Node 20 resolves the links in a program's path by what a stat in small ones found last: after one of a pipe it stops.
const EXACT = { bigint: true };

/** What two descriptors of one file have in common; `-` where there is none. */
function fileOf(stat) {
  try {
    const { dev, ino } = stat();
    return `${dev}:${ino}`;
  } catch {
    return '-';
  }
}

/**
 * Whether what this process writes is its parent's data, as of `execFile('node', …)`, and no log of the service: its streams are others
 * than the service's. The first process of a service says which those are.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function isCaptured(env) {
  const [out, errors] = [1, 2].map((fd) => fileOf(() => fstatSync(fd, EXACT)));
  const known = env[NAME]?.split(' ');
  if (known) return !known.includes(out) || !(known.includes(errors) || errors === fileOf(() => statSync(devNull, EXACT)));
  if (!SUPERVISORS.has(basename(process.argv[1] ?? ''))) env[NAME] = `${out} ${errors}`;
  return false;
}

/** A thread whose streams the service reads itself (`new Worker(file, { stdout: true })`) is told so by its environment. */
function guardWorkers() {
  threads.Worker = new Proxy(threads.Worker, {
    construct(target, [file, options, ...rest], made) {
      const reads = (options?.stdout || options?.stderr) && options.env !== threads.SHARE_ENV;
      const told = reads ? { ...options, env: { ...(options.env ?? process.env), [NAME]: 'read by the service' } } : options;
      return Reflect.construct(target, [file, told, ...rest], made);
    },
  });
}

module.exports = { guardWorkers, isCaptured };
