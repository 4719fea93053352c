'use strict';

const { inspect, types } = require('node:util');
const { describe, isError, stackOf } = require('./errors');
const { cut } = require('./text');

// The node agent takes a line of up to 240 KiB as one, with up to 256 members; the gateway keeps 8,192 characters of a value.

/** The longest message, in characters. */
const MESSAGE = 65536;
/** The longest text among the fields, in characters. */
const TEXT = 16384;
/** How long all names and values of a record's fields are together, in characters. */
const TOTAL = 65536;
/** How many values a record's fields hold, on all levels together, and how many one object or list of them. */
const VALUES = 2000;
const MEMBERS = 200;
/** How many levels lie in each other. */
const DEPTH = 16;

const LINE = { breakLength: Infinity, compact: true, depth: 4 };
const HUGE = 2n ** 1024n;

/** What is left to one record; a record that holds more is cut. */
const budget = () => ({ values: VALUES, characters: TOTAL, above: [], wide: new Map(), inert: false });

function text(value, left) {
  const shown = cut(value, Math.max(0, Math.min(TEXT, left.characters)));
  left.characters -= shown.length;
  return shown;
}

/** The same value as plain JSON can hold it, as much of it as there is room for. Runs no getter, and fails for none of a host's values. */
function bounded(value, left) {
  left.values -= 1;
  switch (typeof value) {
    case 'string': return text(value, left);
    case 'bigint': return value < HUGE && value > -HUGE ? value : '[a number of more than 1024 bits]';
    case 'object': return value === null ? null : boundedObject(value, left);
    case 'symbol': return undefined;
    default: return value;
  }
}

function boundedObject(value, left) {
  if (left.above.includes(value)) return '[Circular]';
  if (left.above.length >= DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
  left.above.push(value);
  try {
    if (types.isProxy(value) || ArrayBuffer.isView(value)) return text(shown(value), left);
    if (isError(value)) return members(Object.entries({ ...describe(value), stack: stackOf(value) }), left, (entry) => entry);
    if (!left.inert && typeof value.toJSON === 'function') {
      const json = value.toJSON();
      if (json !== value) return bounded(json, left);
    }
    if (Array.isArray(value)) return list(value, value.length, left);
    if (types.isSet(value)) return list(first(value), value.size, left);
    if (types.isMap(value)) return members(first(value), left, ([key, member]) => [nameOf(key), member], value.size);
    return object(value, left);
  } catch (error) {
    return text(`[not shown: ${error?.message}]`, left);
  } finally {
    left.above.pop();
  }
}

function object(value, left) {
  // All names are listed to see the first: of a wide object only once, however often it is there.
  const known = left.wide.get(value);
  if (known !== undefined) return known;
  const names = Object.keys(value);
  const kept = members(names, left, (name) => [name, own(value, name)]);
  if (names.length > MEMBERS) left.wide.set(value, kept);
  return kept;
}

/** The value of a member, without running a getter. */
function own(object, name) {
  const property = Object.getOwnPropertyDescriptor(object, name);
  return property === undefined || 'value' in property ? property?.value : '[Getter]';
}

const nameOf = (key) => (typeof key === 'object' ? inspect(key, { depth: 0 }) : String(key));

/** Sets a member of any name, `__proto__` too. */
function put(object, name, value) {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

function first(iterable) {
  const found = [];
  for (const each of iterable) {
    if (found.push(each) > MEMBERS) break;
  }
  return found;
}

const isFull = (left) => left.values <= 0 || left.characters <= 0;

function list(values, length, left) {
  const kept = [];
  for (let at = 0; at < length; at += 1) {
    if (at >= MEMBERS || isFull(left)) {
      kept.push(`… ${length - at} more`);
      break;
    }
    kept.push(bounded(values[at], left));
  }
  return kept;
}

function members(given, left, entry, length = given.length) {
  const kept = {};
  for (let at = 0; at < length; at += 1) {
    if (at >= MEMBERS || isFull(left)) {
      kept['…'] = `${length - at} more`;
      break;
    }
    const [name, value] = entry(given[at]);
    const short = text(name, left);
    const inner = bounded(value, left);
    if (inner !== undefined) put(kept, short, inner);
  }
  return kept;
}

/** True where util.inspect, which limits lists and texts but neither objects nor numbers, has not too much to do. */
function isSmall(value, left = { values: VALUES }, depth = LINE.depth) {
  if (typeof value === 'bigint') return value < HUGE && value > -HUGE;
  if (typeof value !== 'object' || value === null || types.isProxy(value) || ArrayBuffer.isView(value) || depth < 0) return true;
  const names = Array.isArray(value) ? [...value.slice(0, 100).keys()] : Object.keys(value);
  left.values -= names.length;
  return left.values > 0 && names.every((name) => isSmall(own(value, name), left, depth - 1));
}

/** A value as text on one line, as the console would print it. */
function shown(value) {
  if (ArrayBuffer.isView(value)) return inspect(value, { ...LINE, maxArrayLength: 50 });
  if (isSmall(value)) return cut(inspect(value, LINE), MESSAGE);
  const kept = bounded(value, { ...budget(), inert: true });
  if (typeof value !== 'object') return String(kept);
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? 'Object';
  return cut(`${name} ${inspect(kept, { ...LINE, maxArrayLength: MEMBERS + 1 })}`, MESSAGE);
}

module.exports = { bounded, budget, isFull, isSmall, MEMBERS, MESSAGE, own, put, shown };
