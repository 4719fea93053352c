'use strict';

const {
  InstrumentationBase, InstrumentationNodeModuleDefinition, InstrumentationNodeModuleFile,
} = require('@opentelemetry/instrumentation');
const { contextFields } = require('./context');
const { MESSAGE } = require('./log/bounds');
const { isError, placesOf } = require('./log/errors');
const { WORDS } = require('./log/logger');
const { during } = require('./log/origin');
const { toRecord } = require('./log/record');
const { clean, cut, uncoloured } = require('./log/text');

const VERSIONS = ['>=3 <4'];
const LEVEL = Symbol.for('level');
/** What the levels of winston's three schemes are here; of any other level a host says that it is more than debugging. */
const LEVELS = {
  emerg: 'fatal', alert: 'fatal', crit: 'fatal', fatal: 'fatal', critical: 'fatal', error: 'error', warn: 'warn', warning: 'warn',
  notice: 'info', info: 'info', http: 'info', help: 'info', data: 'info', prompt: 'info', input: 'info',
  verbose: 'debug', debug: 'debug', silly: 'trace', trace: 'trace',
};
/** Those that the node agent knows as they are. */
const KNOWN = new Set(Object.keys(LEVELS).filter((level) => !['help', 'data', 'prompt', 'input'].includes(level)));
/** Where a line has its error's stack already. */
const STACKS = ['stack', 'exception', 'err'];

/** What a line's context was when it was logged; a transport may write it later. */
const contexts = new WeakMap();
/** The same of the line that is logged at the moment, for formats that make another object of it. */
let logging;

/**
 * Makes records of the lines that the host's own winston prints: with their level, whatever their format is, and with the request and
 * trace in which they were logged. What a line says is what the host's formats left of it: nothing that they hid is looked up again.
 */
class HostWinston extends InstrumentationBase {
  constructor() {
    super('@atlas/instrumentation/winston', '1.0.0', {});
    this.enable();
  }

  init() {
    const file = (name, patch) => new InstrumentationNodeModuleFile(`winston/lib/winston/${name}.js`, VERSIONS, patch, () => {});
    return [new InstrumentationNodeModuleDefinition('winston', VERSIONS, undefined, undefined, [
      file('logger', remembering), file('transports/console', printing), file('transports/stream', printing),
    ])];
  }
}

const patched = new WeakSet();

function once(exported, patch) {
  if (!patched.has(exported)) patch(exported.prototype);
  patched.add(exported);
  return exported;
}

function remembering(Logger) {
  return once(Logger, (prototype) => {
    const { write } = prototype;
    prototype.write = function (info, ...rest) {
      if (typeof info !== 'object' || info === null) return write.call(this, info, ...rest);
      const before = logging;
      logging = idsOf(info);
      contexts.set(info, logging);
      try {
        return write.call(this, info, ...rest);
      } finally {
        logging = before;
      }
    };
  });
}

/** The context's ids, but for those that the line has by itself: they are the host's to show or to hide. */
function idsOf(info) {
  const ids = contextFields();
  for (const name of Object.keys(ids)) if (name in info) delete ids[name];
  return ids;
}

function printing(Transport) {
  return once(Transport, (prototype) => {
    const { log } = prototype;
    prototype.log = function (info, callback) {
      const level = LEVELS[info[LEVEL]] ?? 'info';
      const origin = {
        level,
        ids: contexts.get(info) ?? logging ?? {},
        more: (own) => attempt(() => missing(own, info, WORDS[level]), {}),
        read: (text) => attempt(() => read(text, info), { message: clean(cut(text, MESSAGE)), fields: {} }),
      };
      return during(origin, () => log.call(ontoStdout(this, info[LEVEL]), info, callback));
    };
  });
}

/** What a host logs may have members that fail. */
function attempt(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** As console.error, a transport that would write to stderr writes to stdout, where lines are records. */
function ontoStdout(transport, level) {
  if (!transport.stderrLevels?.[level] && !transport.consoleWarnLevels?.[level] && !transport.forceConsole) return transport;
  return Object.create(transport, { stderrLevels: { value: {} }, consoleWarnLevels: { value: {} }, forceConsole: { value: false } });
}

/** The error of a line, which may be the line's own object. */
function errorOf(info) {
  if (isError(info)) return info;
  const found = Object.keys(info).map((name) => info[name]).find(isError);
  return found ?? (typeof info.stack === 'string' ? info : undefined);
}

/** The stack of a line's error where the line has none, with no more text of the error than the line shows. */
function stackIn(shown, info, isBare) {
  const error = errorOf(info);
  if (error === undefined) return undefined;
  const message = typeof info.message === 'string' ? uncoloured(info.message) : '';
  return placesOf(error, isBare || shown.includes(message) ? message : '');
}

/** What a line of JSON lacks. An error that is logged alone is, as JSON, nothing but its level. */
function missing(own, info, severity) {
  const added = {};
  if (typeof own.level === 'string' && !KNOWN.has(uncoloured(own.level).toLowerCase())) added.severity = severity;
  if (STACKS.some((name) => typeof own[name] === 'string' || typeof own[name]?.stack === 'string')) return added;
  const isBare = isError(info) && !('message' in own);
  const exception = stackIn(String(own.message ?? ''), info, isBare);
  if (exception !== undefined) added.exception = exception;
  if (isBare && typeof info.message === 'string') added.message = cut(uncoloured(info.message), MESSAGE);
  return added;
}

/** A line of text, as simple, cli and printf make them: the level before it is left out, an object of JSON behind it are fields. */
function read(text, info) {
  const shown = clean(cut(text, MESSAGE));
  const level = `${uncoloured(String(info.level))}:`;
  const said = shown.startsWith(level) ? shown.slice(level.length).trim() : shown;
  const message = typeof info.message === 'string' ? clean(info.message) : undefined;
  let record = { message: said, fields: {} };
  if (message !== undefined && said.startsWith(`${message} {`) && said.endsWith('}')) {
    try {
      const { timestamp, stack, ...fields } = JSON.parse(said.slice(message.length));
      record = toRecord(['%s', message, fields]);
      if (typeof stack === 'string') record.fields.exception = stack;
    } catch {
      // text that only looks like it
    }
  }
  const exception = record.fields.exception ?? (shown.includes('\n    at ') ? undefined : stackIn(shown, info, false));
  if (exception !== undefined) record.fields.exception = exception;
  return record;
}

module.exports = { HostWinston };
