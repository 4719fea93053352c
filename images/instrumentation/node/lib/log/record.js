'use strict';

const { format, inspect, stripVTControlCharacters, types } = require('node:util');
const { RESERVED, stackOf } = require('./logger');

const SPECIFIER = /%[sdifjoOc%]/g;
const LINE = { breakLength: Infinity, compact: true, depth: 4 };

function isPlain(value) {
  if (value === null || typeof value !== 'object' || types.isProxy(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isError(value) {
  return types.isNativeError(value) || value instanceof Error;
}

/** How many arguments the format text `text` takes up besides itself. */
function taken(text) {
  if (typeof text !== 'string' || !text.includes('%')) return 0;
  return (text.match(SPECIFIER) ?? []).filter((each) => each !== '%%').length;
}

/** Without colours and other control sequences, and without line breaks at its ends. */
function clean(text) {
  return stripVTControlCharacters(text).replace(/^[\r\n]+|\s+$/g, '');
}

/**
 * What the arguments of a console method say: text becomes the message, plain objects become fields, an error becomes `exception`.
 * Members whose names a record has for itself go into `data`.
 *
 * @param {unknown[]} args
 * @returns {{message: string, fields: Record<string, unknown>}}
 */
function toRecord(args) {
  const formatted = 1 + taken(args[0]);
  const texts = [];
  const fields = {};
  let error;
  args.forEach((arg, at) => {
    const inFormat = at > 0 && at < formatted;
    if (!inFormat && isError(arg)) {
      error ??= arg;
      if (error !== arg) texts.push(arg.message);
    } else if (!inFormat && isPlain(arg)) {
      for (const [name, value] of Object.entries(arg)) {
        const shown = isError(value) ? stackOf(value) : value;
        if (name === 'err' && isError(value)) error ??= value;
        else if (RESERVED.has(name)) (fields.data ??= {})[name] = shown;
        else fields[name] = shown;
      }
    } else {
      texts.push(typeof arg === 'string' || inFormat ? arg : inspect(arg, LINE));
    }
  });
  if (error !== undefined) {
    fields.exception = stackOf(error);
    if (texts.length === 0) texts.push(error.message || error.name);
  }
  return { message: clean(format(...texts)), fields };
}

module.exports = { clean, toRecord };
