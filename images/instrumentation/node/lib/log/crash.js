'use strict';

const { shown } = require('./bounds');
const { isError, messageOf, placesOf } = require('./errors');

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
    const what = rejected ? 'Unhandled rejection' : 'Uncaught exception';
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) {
      // Whoever handles it logs it as well, and may hide what its text says.
      out.fatal({ exception: isError(error) ? placesOf(error) : typeof error }, `${what}, which the service handles itself`);
      return;
    }
    const [fields, said] = isError(error) ? [{ err: error }, messageOf(error)] : [{ exception: shown(error) }, shown(error)];
    out.fatal(fields, `${what}: ${said}`);
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
