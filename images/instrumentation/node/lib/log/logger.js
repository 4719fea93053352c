'use strict';

const pino = require('pino');
const { contextFields } = require('../context');

const WORDS = { trace: 'debug', debug: 'debug', info: 'info', warn: 'warning', error: 'error', fatal: 'critical' };

/** What the record itself says; a host's object cannot speak for it. */
const RESERVED = new Set([
  'timestamp', 'level', 'logger', 'message', 'service', 'trace_id', 'span_id', 'request_id', 'user_id', 'exception',
]);

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
      formatters: { level: (label) => ({ level: WORDS[label] }) },
      mixin: contextFields,
      serializers: {},
    },
    sink,
  );
}

/**
 * The stack of an error with those of its causes, as text.
 * @param {Error} error
 */
function stackOf(error, depth = 0) {
  const own = String(error.stack || `${error.name}: ${error.message}`);
  const cause = error.cause;
  return cause instanceof Error && depth < 5 ? `${own}\nCaused by: ${stackOf(cause, depth + 1)}` : own;
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

module.exports = { createLogger, createOnce, RESERVED, WORDS, now, stackOf };
