'use strict';

const { format, types } = require('node:util');
const { bounded, budget, isFull, isSmall, MEMBERS, MESSAGE, own, put, shown } = require('./bounds');
const { describe, isError, messageOf, STACK, stackOf } = require('./errors');
const { clean, cut } = require('./text');

/** What the record itself says; a host's object cannot speak for it. */
const RESERVED = new Set([
  'timestamp', 'level', 'logger', 'message', 'service', 'trace_id', 'span_id', 'request_id', 'user_id', 'exception',
]);
/** Names of an error that say no more than that it is one. */
const ERROR_NAMES = ['err', 'error'];
/** The record's own fields besides those of a host. */
const OWN_FIELDS = 20;

const SPECIFIER = /%[sdifjoOc%]/g;

function isPlain(value) {
  if (value === null || typeof value !== 'object' || types.isProxy(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** How many arguments the format text `text` takes up besides itself. */
function taken(text) {
  if (typeof text !== 'string' || !text.includes('%')) return 0;
  return (text.match(SPECIFIER) ?? []).filter((each) => each !== '%%').length;
}

/** What a format text is given in the place of a specifier, so that all of it together stays small. */
function formattable(value) {
  if (isError(value)) return messageOf(value);
  if (typeof value === 'string') return cut(value, MESSAGE);
  return isSmall(value) ? value : shown(value);
}

/**
 * What the arguments of a console method say: text becomes the message, plain objects become fields, the first error the field `err`.
 * Members whose names a record has for itself go into `data`.
 *
 * @param {unknown[]} args
 * @returns {{message: string, fields: Record<string, unknown>}}
 */
function toRecord(args) {
  const fields = {};
  const texts = [];
  const errors = [];
  const add = (object) => {
    const names = Object.keys(object);
    for (const name of names.slice(0, MEMBERS)) {
      const value = own(object, name);
      if (ERROR_NAMES.includes(name) && isError(value)) errors.push(value);
      else if (RESERVED.has(name)) (fields.data ??= {})[name] = value;
      else put(fields, name, value);
    }
    if (names.length > MEMBERS) fields['…'] = `${names.length - MEMBERS} more`;
  };
  const first = typeof args[0] === 'string' ? cut(args[0], MESSAGE) : args[0];
  const formatted = 1 + taken(first);
  args.slice(0, MEMBERS).forEach((arg, at) => {
    const inFormat = at > 0 && at < formatted;
    if (isError(arg)) {
      errors.push(arg);
      if (inFormat || errors.length > 1) texts.push(messageOf(arg));
    } else if (inFormat) {
      texts.push(formattable(arg));
    } else if (isPlain(arg)) {
      add(arg);
    } else {
      texts.push(typeof arg === 'string' ? (at === 0 ? first : cut(arg, MESSAGE)) : shown(arg));
    }
  });
  if (args.length > MEMBERS) texts.push(`… ${args.length - MEMBERS} more`);
  const [error, ...others] = errors;
  if (error !== undefined) {
    fields[ERROR_NAMES.find((name) => !(name in fields)) ?? 'exception'] = error;
    if (others.length > 0) fields.errors = others;
    if (texts.length === 0) texts.push(messageOf(error));
  }
  return { message: cut(clean(format(...texts)), MESSAGE), fields };
}

/**
 * The fields of a record, as much of them as there is room for. The first error among them is the record's own: its stack is `exception`,
 * its type, message, code and other details are `err`.
 *
 * @param {Record<string, unknown>} given
 * @returns {Record<string, unknown>}
 */
function toFields(given) {
  const left = budget();
  const fields = {};
  let error;
  const names = Object.keys(given);
  for (let at = 0; at < names.length; at += 1) {
    if (at >= MEMBERS + OWN_FIELDS || isFull(left)) {
      fields['…'] = `${names.length - at} more`;
      break;
    }
    const name = names[at];
    let value = own(given, name);
    if (error === undefined && isError(value)) {
      error = value;
      if (ERROR_NAMES.includes(name) || name === 'exception') continue;
      value = messageOf(error);
    }
    const kept = name === 'exception' && typeof value === 'string' ? cut(value, STACK) : bounded(value, left);
    if (kept !== undefined) put(fields, cut(name, 256), kept);
  }
  if (error !== undefined) {
    fields.exception ??= stackOf(error);
    fields.err ??= bounded(describe(error), budget());
  }
  return fields;
}

module.exports = { toFields, toRecord };
