'use strict';

const fs = require('node:fs');
const { membersOf } = require('./json-text');

const PRETTY = /(^|[\\/])pino-pretty([\\/]|$)/;
const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
/** What makes a line a record; it says nothing of a host's data. */
const KEPT = ['level', 'time', 'trace_id', 'span_id', 'request_id'];
/** What pino-pretty shows of a line whose object it is to hide. */
const SHOWN = ['msg', 'name', 'pid', 'hostname'];

/** Names in `text`, each as a path: `a.b` is the member b of a, a dot behind a backslash is one of the name's own. */
function paths(text) {
  const path = (each) => each.trim().split(/(?<!\\)\./).map((name) => name.replaceAll('\\.', '.'));
  return [text].flat().join().split(',').map(path).filter(([name]) => name !== '');
}

function without(value, [name, ...rest]) {
  if (typeof value !== 'object' || value === null) return;
  if (rest.length === 0) delete value[name];
  else without(value[name], rest);
}

/** A member's value, as JSON, without what `ignored`, which begin with the member's name, hide; undefined where that is all of it. */
function left(text, ignored) {
  if (ignored.length === 0) return text;
  if (ignored.some((path) => path.length === 1)) return undefined;
  const value = JSON.parse(text);
  for (const [, ...path] of ignored) without(value, path);
  return JSON.stringify(value);
}

/** True for a transport that makes text of lines and writes it to stdout. */
function isForTerminals(transport) {
  return PRETTY.test(String(transport?.target)) && (transport.options?.destination ?? 1) === 1;
}

/**
 * A stream that writes pino's lines to stdout as JSON, without what the options of such a transport hide; undefined where that is
 * nothing.
 */
function filteredStdout({ ignore, include, hideObject, messageKey = 'msg', minimumLevel } = {}) {
  if (!ignore && !include && !hideObject && !minimumLevel) return undefined;
  const ignored = ignore && !include ? paths(ignore) : [];
  const only = include ? new Set(paths(include).map(([name]) => name)) : undefined;
  const least = LEVELS[minimumLevel] ?? Number(minimumLevel ?? 0);
  const isHidden = (name) => only?.has(name) === false || (hideObject === true && name !== messageKey && !SHOWN.includes(name));

  function filtered(line) {
    const kept = [];
    for (const { name, value, to } of membersOf(line)) {
      const bare = JSON.parse(name);
      const text = line.slice(value, to);
      if (bare === 'level' && Number(text) < least) return '';
      const rest = KEPT.includes(bare) ? text : isHidden(bare) ? undefined : left(text, ignored.filter(([first]) => first === bare));
      if (rest !== undefined) kept.push(`${name}:${rest}`);
    }
    return `{${kept.join(',')}}\n`;
  }

  return {
    write(line) {
      const text = filtered(line);
      if (text !== '') fs.writeSync(1, text);
    },
  };
}

module.exports = { filteredStdout, isForTerminals };
