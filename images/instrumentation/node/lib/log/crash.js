'use strict';

const { inspect } = require('node:util');
const { stackOf } = require('./logger');

const SHUT_DOWN_MS = 1000;

/**
 * Logs what nobody caught and Node's own warnings. A host's own handlers stay in charge; without any the process ends with Node's
 * exit code, 1, once its spans are out.
 *
 * @param {(milliseconds: number) => Promise<void>} flush
 */
function installCrash(logger, flush) {
  const out = logger.child({ logger: 'process' });

  process.on('uncaughtExceptionMonitor', (error, origin) => {
    const rejected = origin === 'unhandledRejection';
    const fields = error instanceof Error ? { exception: stackOf(error) } : { exception: inspect(error) };
    out.fatal(fields, `${rejected ? 'Unhandled rejection' : 'Uncaught exception'}: ${error?.message ?? inspect(error)}`);
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return;
    // Taken here and not at the start: a listener that is always there would tell the host's code that somebody handles its errors.
    process.once('uncaughtException', () => {
      process.exitCode = 1;
      flush(SHUT_DOWN_MS).finally(() => process.exit(1));
    });
  });

  // Node prints warnings as text of several lines; where it was told to keep quiet it has no listener.
  if (process.listenerCount('warning') > 0) {
    process.removeAllListeners('warning');
    process.on('warning', (warning) => {
      if (warning.name === 'DeprecationWarning' && process.noDeprecation) return;
      out.warn({ code: warning.code, type: warning.name, exception: warning.stack }, warning.message);
    });
  }
}

module.exports = { installCrash };
