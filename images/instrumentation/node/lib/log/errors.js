'use strict';

const { types } = require('node:util');
const { cut } = require('./text');

/** How many causes and inner errors are told, one below another, and side by side. */
const DEPTH = 5;
const BESIDE = 5;
const ERRORS = 20;
/** How many own members of an error are told, and how long a text among them is. */
const MEMBERS = 32;
const VALUE = 2048;
/** How long an error's text is, with all of its causes. */
const STACK = 32768;

/** What system errors and those of HTTP clients say of themselves; some as getters of their class. */
const KNOWN = ['code', 'errno', 'syscall', 'address', 'port', 'status', 'statusCode'];
/** A credential's name, and what may hold one: a whole statement, message or URL. */
const PRIVATE = /pass|secret|token|auth|cookie|credential|signature|session|private|api.?key|query|^(sql|body|data|url|input|command)$/i;
const TOLD = new Set(['name', 'message', 'stack', 'cause', 'errors', 'type', ...KNOWN]);

function isError(value) {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false; // a proxy that was revoked
  }
}

/** A member of a host's error, whose getters may do anything. */
function read(object, name) {
  try {
    return object[name];
  } catch {
    return undefined;
  }
}

function scalar(value) {
  if (typeof value === 'string') return cut(value, VALUE);
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

function namesOf(error) {
  return typeof error !== 'object' || types.isProxy(error) ? [] : Object.keys(error).slice(0, MEMBERS);
}

/** An error's own members besides its text: codes, a database's detail, an address. Objects such as a request's headers are left out. */
function details(error) {
  const found = {};
  const add = (name, value) => {
    const shown = scalar(value);
    if (shown !== undefined && shown !== '') found[name] = shown;
  };
  for (const name of KNOWN) add(name, read(error, name));
  if (found.status === undefined) add('status', read(read(error, 'response') ?? {}, 'status'));
  for (const name of namesOf(error)) {
    if (TOLD.has(name) || name.length > 64 || PRIVATE.test(name)) continue;
    add(name, Object.getOwnPropertyDescriptor(error, name)?.value);
  }
  return found;
}

/** The class of an error, by the name that it has or was given. */
function typeOf(error) {
  const name = read(error, 'name');
  const isNamed = typeof name === 'string' && name !== '' && name.toLowerCase() !== 'error';
  const known = isNamed ? name : read(read(error, 'constructor') ?? {}, 'name');
  return cut(typeof known === 'string' && known !== '' ? known : 'Error', 128);
}

/** What went wrong in a sentence: an AggregateError has often no message of its own but those of its errors. */
function messageOf(error) {
  const own = read(error, 'message');
  if (typeof own === 'string' && own !== '') return cut(own, VALUE * 4);
  const inner = innerOf(error).slice(0, BESIDE).filter(isError).map((each) => String(read(each, 'message') || typeOf(each)));
  return inner.length > 0 ? cut(inner.join('; '), VALUE * 4) : typeOf(error);
}

function innerOf(error) {
  const errors = read(error, 'errors');
  return Array.isArray(errors) ? errors : [];
}

/** The errors in which and by which an error came about. */
function related(error, above) {
  const others = (each) => isError(each) && !above.includes(each);
  const inner = innerOf(error);
  const cause = read(error, 'cause');
  return { inner: inner.slice(0, BESIDE).filter(others), count: inner.length, cause, hasCause: others(cause) };
}

/**
 * An error's type, message and details, with those of its causes and of the errors that it holds.
 * @returns {Record<string, unknown>}
 */
function describe(error, above = [], left = { errors: ERRORS }) {
  left.errors -= 1;
  const found = { type: typeOf(error), message: messageOf(error), ...details(error) };
  const below = [...above, error];
  if (below.length > DEPTH) return found;
  const { inner, cause, hasCause } = related(error, below);
  const told = (each) => describe(each, below, left);
  if (inner.length > 0 && left.errors > 0) found.errors = inner.slice(0, left.errors).map(told);
  if (hasCause && left.errors > 0) found.cause = told(cause);
  return found;
}

/** The stack of an error with its details, those of its causes and of the errors that it holds, as text. */
function stackOf(error) {
  let text = '';
  let left = ERRORS;
  const say = (more) => {
    if (text.length < STACK) text += cut(more, STACK - text.length);
  };
  const tell = (each, above) => {
    left -= 1;
    const stack = read(each, 'stack');
    say(typeof stack === 'string' && stack !== '' ? stack : `${typeOf(each)}: ${messageOf(each)}`);
    sayDetails(each);
    const below = [...above, each];
    if (below.length > DEPTH) return;
    const { inner, count, cause, hasCause } = related(each, below);
    inner.forEach((one, at) => {
      if (left > 0) say(`\nError ${at + 1} of ${count}: `);
      if (left > 0) tell(one, below);
    });
    if (hasCause && left > 0) {
      say('\nCaused by: ');
      tell(cause, below);
    } else if (scalar(cause) !== undefined) {
      say(`\nCaused by: ${scalar(cause)}`);
    } else if (cause && !isError(cause)) {
      sayDetails(cause);
    }
  };
  const sayDetails = (each) => {
    const more = details(each);
    if (Object.keys(more).length > 0) say(`\nDetails: ${JSON.stringify(more)}`);
  };
  tell(error, []);
  return text;
}

/** A frame of a stack, and no line of a message that only looks like one. */
const FRAME = /^\s+at .*(?::\d+:\d+\)?|\(<anonymous>\)|native\)?)$/;

/**
 * Where an error and its causes came about, of which class they are and which codes they have, with no more of their text than
 * `message`: what a host's own settings hide may be in it.
 */
function placesOf(error, message = '') {
  const tell = (each, said, above) => {
    const stack = read(each, 'stack');
    const frames = typeof stack === 'string' ? cut(stack, STACK).split('\n').filter((line) => FRAME.test(line)) : [];
    const type = isError(each) ? typeOf(each) : /^\w{1,64}(?=: |\n|$)/.exec(String(stack))?.[0] ?? 'Error';
    const codes = Object.fromEntries(KNOWN.map((name) => [name, scalar(read(each, name))]).filter(([, value]) => value !== undefined));
    const lines = [said === '' ? type : `${type}: ${cut(said, VALUE * 4)}`, ...frames];
    if (isError(each) && Object.keys(codes).length > 0) lines.push(`Details: ${JSON.stringify(codes)}`);
    const below = [...above, each];
    if (!isError(each) || below.length > 2) return lines.join('\n');
    const { inner, count, cause, hasCause } = related(each, below);
    inner.forEach((one, at) => lines.push(`Error ${at + 1} of ${count}: ${tell(one, '', below)}`));
    if (hasCause) lines.push(`Caused by: ${tell(cause, '', below)}`);
    return lines.join('\n');
  };
  return cut(tell(error, message, []), STACK);
}

module.exports = { describe, isError, messageOf, placesOf, STACK, stackOf };
