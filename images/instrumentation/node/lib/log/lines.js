'use strict';

const { contextFields } = require('../context');
const { now, WORDS } = require('./logger');
const { clean } = require('./record');

const HAS_LEVEL = ['level', 'severity'];
const HAS_TIME = ['timestamp', 'time', '@timestamp', 'ts'];

/**
 * Turns what a host writes by itself into lines of JSON: an object keeps its own members and gets those that it lacks, any other text
 * becomes a record.
 *
 * @param {import('pino').Logger} logger
 * @param {{write(text: string): unknown}} sink
 * @param {string} service
 */
function createLines(logger, sink, service) {
  /** True when `line` was a JSON object and has been written. */
  function adopt(line, level = 'info') {
    const text = line.trim();
    if (text.charCodeAt(0) !== 123 || text.charCodeAt(text.length - 1) !== 125) return false;
    let own;
    try {
      own = JSON.parse(text);
    } catch {
      return false;
    }
    const added = { ...contextFields(), service };
    if (!HAS_TIME.some((name) => name in own)) added.timestamp = now();
    if (!HAS_LEVEL.some((name) => name in own)) added.level = WORDS[level];
    let tail = '';
    for (const [name, value] of Object.entries(added)) if (!(name in own)) tail += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    // Put in as text: the host's numbers and their order stay as they were written.
    const body = text.slice(0, -1).replace(/[\r\n]+/g, ' ').trimEnd();
    sink.write(`${body === '{' ? `{${tail.slice(1)}` : body + tail}}\n`);
    return true;
  }

  function text(lines) {
    const message = clean(lines.join('\n'));
    if (message !== '') logger.info(message);
  }

  /** Whole lines, as they came in one write: those that are JSON stand for themselves, the others between them are one record. */
  function take(chunk) {
    let plain = [];
    for (const line of chunk.split('\n')) {
      if (line.charCodeAt(0) === 123 && adopt(line)) continue;
      plain.push(line);
    }
    if (plain.length > 0) text(plain);
  }

  return { adopt, take };
}

module.exports = { createLines };
