'use strict';

const pino = require('pino');
const { contextFields } = require('../context');
const { isError, messageOf } = require('./errors');
const { toFields } = require('./record');

const WORDS = { trace: 'debug', debug: 'debug', info: 'info', warn: 'warning', error: 'error', fatal: 'critical' };

const now = () => new Date().toISOString();

/**
 * The root logger: one JSON object a line, `timestamp` (RFC 3339, UTC, milliseconds), `level` in words, `message`, `service`, and the
 * context's ids.
 */
function createLogger(settings, sink) {
  return pino(
    {
      level: settings.level,
      base: { service: settings.service },
      messageKey: 'message',
      timestamp: () => `,"timestamp":"${now()}"`,
      formatters: { level: (label) => ({ level: WORDS[label] }), log: toFields },
      mixin: contextFields,
      // `toFields` has made plain values of all, errors too.
      serializers: { err: (plain) => plain },
      hooks: { logMethod: named },
    },
    sink,
  );
}

/** An error alone is its own message, also where it has none and its causes have. */
function named(args, method) {
  if (args.length === 1 && isError(args[0])) args.push('%s', messageOf(args[0]));
  return method.apply(this, args);
}

/** Logs each sentence once in the life of the process. */
function createOnce(logger) {
  const said = new Set();
  return (message, fields = {}) => {
    if (said.has(message)) return;
    said.add(message);
    logger.warn(fields, message);
  };
}

module.exports = { createLogger, createOnce, WORDS, now };
