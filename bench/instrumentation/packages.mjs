// The commands of the measured services: without the instrumentation, with today's, and with that of an earlier revision.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const WITHIN = join('images', 'instrumentation');
const KEPT = join(ROOT, '.local', 'instrumentation');

const told = (command, args, options) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options }).trim();

/** The folder of a revision's packages. It is kept, as it never changes. */
function ofRevision(revision, language) {
  const commit = told('git', ['rev-parse', '--verify', `${revision}^{commit}`], { cwd: ROOT });
  const folder = join(KEPT, `${language}-of-${commit.slice(0, 12)}`);
  const whole = join(folder, 'whole');
  if (!existsSync(whole)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const archive = execFileSync('git', ['archive', commit, join(WITHIN, language)], { cwd: ROOT, maxBuffer: 2 ** 28 });
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
    if (language === 'node') told('npm', ['ci', '--omit=dev', '--silent'], { cwd: join(folder, WITHIN, 'node') });
    writeFileSync(whole, '');
  }
  return join(folder, WITHIN, language);
}

/** By language: the command of the service under the package in `folder`. */
const WITH = {
  node: (folder) => [process.execPath, '--require', join(folder, 'register.js'), join(HERE, 'service.cjs')],
  // Installed in each: it is there for every program of the environment, and idle where no service is named.
  python: (folder) => [told('python3', [join(folder, 'tests', 'installed.py')]), join(HERE, 'service.py')],
};

export const LANGUAGES = Object.keys(WITH);

/** @param {string | undefined} revision that of `before`, if any */
export function commands(language, revision) {
  const now = WITH[language](join(ROOT, WITHIN, language));
  return {
    without: language === 'node' ? [process.execPath, join(HERE, 'service.cjs')] : now,
    ...(revision && { before: WITH[language](ofRevision(revision, language)) }),
    now,
  };
}
