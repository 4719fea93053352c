'use strict';

const { MEMBERS, shown } = require('./bounds');
const { toRecord } = require('./record');

const METHODS = { log: 'info', info: 'info', warn: 'warn', error: 'error', debug: 'debug' };

/** Makes a record of each call of the console's methods. None of them ever throws, whatever it is given. */
function installConsole(logger, lines) {
  const out = logger.child({ logger: 'console' });
  for (const [method, level] of Object.entries(METHODS)) {
    console[method] = (...args) => {
      if (!out.isLevelEnabled(level)) return;
      try {
        // A service that makes its own JSON and prints it is taken at its word.
        if (args.length === 1 && typeof args[0] === 'string' && lines.adopt(args[0], level)) return;
        const { message, fields } = toRecord(args);
        out[level](fields, message);
      } catch (error) {
        out[level](`${args.slice(0, MEMBERS).map(shown).join(' ')} (not formatted: ${error?.message})`);
      }
    };
  }
  console.trace = (...args) => {
    if (!out.isLevelEnabled('debug')) return;
    const { message, fields } = toRecord(args);
    out.debug({ ...fields, exception: new Error(message).stack }, message);
  };
}

module.exports = { installConsole };
