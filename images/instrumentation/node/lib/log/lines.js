'use strict';

const { contextFields } = require('../context');
const { membersOf } = require('../json-text');
const { MESSAGE } = require('./bounds');
const { now, WORDS } = require('./logger');
const { shrink } = require('./shrink');
const { clean, cut, uncoloured } = require('./text');

const HAS_LEVEL = ['level', 'severity'];
const HAS_TIME = ['timestamp', 'time', '@timestamp', 'ts'];
/** What a logger colours for a terminal. */
const COLOURED = ['level', 'message', 'msg'];
/** Of a line of JSON that is longer, the begin is read. */
const READ = 1024 * 1024;

/** Its ids are those of the time at which it was logged, or none. */
function named(fields, ids) {
  return { ...fields, trace_id: undefined, span_id: undefined, request_id: undefined, user_id: undefined, ...ids };
}

function withoutColours(text, own) {
  if (!text.includes('\\u00')) return text;
  const coloured = COLOURED.filter((name) => typeof own[name] === 'string' && own[name] !== uncoloured(own[name]));
  if (coloured.length === 0) return text;
  const parts = [];
  let from = 0;
  for (const { name, value, to } of membersOf(text)) {
    if (!coloured.includes(JSON.parse(name)) || text[value] !== '"') continue;
    parts.push(text.slice(from, value), JSON.stringify(uncoloured(JSON.parse(text.slice(value, to)))));
    from = to;
  }
  return parts.join('') + text.slice(from);
}

/**
 * Turns what a host writes by itself into lines of JSON: an object keeps its own members and gets those that it lacks, any other text
 * becomes a record.
 *
 * @param {import('pino').Logger} logger
 * @param {{write(text: string): unknown}} sink
 * @param {string} service
 */
function createLines(logger, sink, service) {
  // What a host's logger prints has passed that logger's own level.
  const every = logger.child({}, { level: 'trace' });

  /** True when `line` was a JSON object and has been written. */
  function adopt(line, level = 'info', origin = undefined, lost = 0) {
    let text = line.trim();
    let own;
    if (lost > 0 || text.length > READ) {
      text = text.charCodeAt(0) === 123 ? shrink(text.slice(0, READ), lost + Math.max(0, text.length - READ)) : undefined;
      if (text === undefined) return false;
    }
    if (text.charCodeAt(0) !== 123 || text.charCodeAt(text.length - 1) !== 125) return false;
    try {
      own = JSON.parse(text);
    } catch {
      return false;
    }
    const added = { ...(origin?.ids ?? contextFields()), service, ...origin?.more?.(own) };
    if (!HAS_TIME.some((name) => name in own)) added.timestamp = now();
    if (!HAS_LEVEL.some((name) => name in own)) added.level = WORDS[origin?.level ?? level];
    let tail = '';
    for (const [name, value] of Object.entries(added)) if (!(name in own)) tail += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    // Put in as text: the host's numbers and their order stay as they were written.
    const body = withoutColours(text, own).slice(0, -1).replace(/[\r\n]+/g, ' ').trimEnd();
    sink.write(`${body === '{' ? `{${tail.slice(1)}` : body + tail}}\n`);
    return true;
  }

  function text(said, origin, lost) {
    const { message, fields } = origin?.read?.(said) ?? { message: clean(cut(said, MESSAGE)), fields: {} };
    const whole = lost > 0 ? `${message}… (${lost} more characters)` : message;
    if (origin?.read) every[origin.level](named(fields, origin.ids), whole);
    else if (message !== '') logger.info(whole);
  }

  /**
   * Whole lines, as they came in one write: those that are JSON stand for themselves, the others between them are one record.
   *
   * @param {string} chunk
   * @param {import('./origin').Origin} [origin]
   * @param {number} [lost] how many characters of the last line were too many to be kept
   */
  function take(chunk, origin, lost = 0) {
    // Printed over several lines.
    if (/^\{\r?\n/.test(chunk) && adopt(chunk, undefined, origin, lost)) return;
    const lines = chunk.split('\n');
    const isPlain = (line, at) =>
      line.charCodeAt(0) !== 123 || !adopt(line, undefined, origin, at === lines.length - 1 ? lost : 0);
    const plain = lines.filter(isPlain);
    if (plain.length > 0) text(plain.join('\n'), origin, lost);
  }

  return { adopt, take };
}

module.exports = { createLines };
