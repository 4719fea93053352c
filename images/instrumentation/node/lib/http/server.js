'use strict';

const http = require('node:http');
const https = require('node:https');
const { context } = require('@opentelemetry/api');
const { createGuard } = require('./cookies');
const { askAgain, comesFromElsewhere, lacksSession, pairs, surviveStrict } = require('./login');
const { Request } = require('./request');
const { upgrading } = require('./upgrade');

const REQUEST = Symbol('atlas.request');

/** Servers of this package's own, which nothing is done to. */
const own = new WeakSet();

/** What the host hands to writeHead, with its cookies guarded; `undefined` where there is nothing to change. */
function guarded(headers, guard) {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const list = pairs(headers);
  if (!list.some(([name]) => name.toLowerCase() === 'set-cookie')) return undefined;
  return Object.fromEntries(list.map(([name, value]) => [name, name.toLowerCase() === 'set-cookie' ? [value].flat().map((each) => guard(String(each))) : value]));
}

function contentType(response, headers) {
  const given = typeof headers === 'object' && headers !== null
    ? pairs(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1]
    : undefined;
  return String(given ?? response.getHeader('content-type') ?? '');
}

/** Takes hold of every request that an HTTP server of the host answers: its id, its span, its metrics, its cookies. */
function installServer(settings, metrics) {
  const cookies = settings.cookies.mode === 'off' ? undefined : createGuard(settings.cookies);

  const { writeHead } = http.ServerResponse.prototype;
  http.ServerResponse.prototype.writeHead = function (...args) {
    const request = this[REQUEST];
    if (request === undefined || this.headersSent) return writeHead.apply(this, args);
    const at = typeof args[1] === 'string' ? 2 : 1;
    const isStream = contentType(this, args[at] ?? args[2]).startsWith('text/event-stream');
    if (cookies !== undefined) {
      const set = this.getHeader('set-cookie');
      if (set !== undefined) this.setHeader('set-cookie', [set].flat().map((each) => cookies.guard(String(each))));
      const changed = guarded(args[at], cookies.guard);
      if (changed !== undefined) args[at] = changed;
    }
    request.answering(isStream);
    const result = writeHead.apply(this, args);
    // A stream is counted when it begins: it may last for days.
    if (isStream) request.count(metrics.observe);
    return result;
  };

  // Node calls the listeners of a request and of its answer from the connection's context, which is nobody's.
  for (const { prototype } of [http.IncomingMessage, http.ServerResponse]) {
    const { emit } = prototype;
    prototype.emit = function (event, ...args) {
      const known = this[REQUEST];
      if (known === undefined) return emit.call(this, event, ...args);
      // Here and not as listeners, which the host would see.
      if (event === 'close' && this === known.response) ended(known);
      if (event === 'error' && this === known.response) known.failed(args[0]);
      if (this.listenerCount(event) === 0) return emit.call(this, event, ...args);
      return context.with(known.context, () => emit.call(this, event, ...args));
    };
  }

  function ended(known) {
    if (known.isOver) return;
    known.isOver = true;
    if (!known.isStream) known.count(metrics.observe);
    known.end();
  }

  function answer(emit, server, scheme, request, response) {
    const known = new Request(request, response, scheme);
    request[REQUEST] = response[REQUEST] = known;
    response.setHeader('x-request-id', known.id);
    request.id ??= known.id;
    return context.with(known.context, () => {
      if (cookies !== undefined) {
        if (lacksSession(request, cookies.isSession, cookies.isLogin)) {
          askAgain(request, response);
          return true;
        }
        if (comesFromElsewhere(request)) surviveStrict(request, response, cookies.isSession, settings.cookies.publicUrl);
      }
      try {
        return emit.call(server, 'request', request, response);
      } catch (error) {
        known.failed(error);
        known.end();
        throw error;
      }
    });
  }

  for (const [scheme, { Server }] of Object.entries({ http, https })) {
    const { emit } = Server.prototype;
    Server.prototype.emit = function (event, ...args) {
      if (event === 'upgrade' && !own.has(this) && this.listenerCount(event) > 0 && args[0]?.[REQUEST] === undefined) {
        return upgrading(args[0], args[1], scheme, metrics.observe, () => emit.call(this, event, ...args));
      }
      if (event !== 'request' || own.has(this) || args[1]?.[REQUEST] !== undefined) return emit.call(this, event, ...args);
      return answer(emit, this, scheme, ...args);
    };
  }
}

module.exports = { installServer, own };
