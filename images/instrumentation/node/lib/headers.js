'use strict';

const { context, propagation } = require('@opentelemetry/api');

/** What a new `traceparent` makes untrue: the state goes with its parent. */
const REPLACED = { traceparent: ['traceparent', 'tracestate'], tracestate: ['tracestate'], baggage: ['baggage'] };
const DECLARES = /^([^:]*):/;

/** Without the headers of these names, in the form that undici has them in: pairs in one array, or lines of text before its version 6. */
function without(headers, names) {
  if (typeof headers === 'string') {
    return headers.split('\r\n').filter((line) => !names.includes(DECLARES.exec(line)?.[1].toLowerCase())).join('\r\n');
  }
  if (!Array.isArray(headers)) return headers;
  return headers.filter((_, at) => !names.includes(String(headers[at - (at % 2)]).toLowerCase()));
}

/**
 * Of what fetch and undici send, the trace's headers are those that are added next, which are ours. A service that passes on what it was
 * asked with, or has instrumentation of its own, would send two, and who gets two begins a new trace.
 */
function sendOnce(request) {
  const { addHeader } = request;
  if (typeof addHeader !== 'function') return;
  const added = new Set();
  request.addHeader = function (name, value) {
    const lower = String(name).toLowerCase();
    if (added.has(lower)) return this;
    const replaced = REPLACED[lower];
    if (replaced !== undefined) {
      this.headers = without(this.headers, replaced);
      added.add(lower);
    }
    return addHeader.call(this, name, value);
  };
}

/**
 * The same of what node:http sends, before ours are put in: without a caller's, in whatever case, and as an object, since
 * OpenTelemetry's instrumentation takes a list of headers apart.
 *
 * @param {import('node:http').RequestOptions} options
 */
function prepare(options) {
  const given = options.headers;
  if (given === undefined || given === null) return;
  const names = propagation.getBaggage(context.active()) === undefined ? REPLACED.traceparent : [...REPLACED.traceparent, 'baggage'];
  const isOurs = ([name]) => names.includes(String(name).toLowerCase());
  if (!Array.isArray(given)) {
    options.headers = Object.fromEntries(Object.entries(given).filter((pair) => !isOurs(pair)));
    return;
  }
  // A list may have a name twice, in whatever case; of an object's, the last one would win.
  const kept = new Map();
  for (const [name, value] of paired(given).filter((pair) => !isOurs(pair))) {
    const lower = String(name).toLowerCase();
    if (!kept.has(lower)) kept.set(lower, [name, []]);
    kept.get(lower)[1].push(...(Array.isArray(value) ? value : [value]));
  }
  // One value is no list: a list is not taken for headers such as Host.
  options.headers = Object.fromEntries(Array.from(kept.values(), ([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

/** A list of names and values in turn, or one of pairs. */
function paired(list) {
  if (list.every(Array.isArray)) return list;
  return list.flatMap((name, at) => (at % 2 === 0 ? [[String(name), list[at + 1]]] : []));
}

/** Node takes `request(url, undefined, callback)`, where OpenTelemetry's instrumentation would lose the callback. */
function keepCallback(module) {
  for (const name of ['request', 'get']) {
    const send = module[name];
    module[name] = function (...args) {
      if (args.length > 2 && args[1] === undefined) args.splice(1, 1);
      return send.apply(this, args);
    };
  }
}

module.exports = { keepCallback, prepare, sendOnce };
