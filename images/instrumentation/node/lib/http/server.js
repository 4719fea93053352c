'use strict';

const http = require('node:http');
const https = require('node:https');
const { withRequest } = require('../context');
const { createGuard } = require('./cookies');
const { askAgain, comesFromElsewhere, lacksSession, pairs, surviveStrict } = require('./login');
const { Request } = require('./request');

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

/**
 * Takes hold of every request that an HTTP server of the host answers: its id, its metrics, its cookies. Installed before OpenTelemetry's
 * instrumentation, it runs inside the request's span.
 */
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

  function answer(emit, server, request, response) {
    const known = new Request(request, response);
    response[REQUEST] = known;
    response.setHeader('x-request-id', known.id);
    request.id ??= known.id;
    response.once('close', () => {
      if (!known.isStream) known.count(metrics.observe);
    });
    return withRequest(known, () => {
      if (cookies !== undefined) {
        if (lacksSession(request, cookies.isSession, cookies.isLogin)) {
          askAgain(request, response);
          return true;
        }
        if (comesFromElsewhere(request)) surviveStrict(request, response, cookies.isSession, settings.cookies.publicUrl);
      }
      return emit.call(server, 'request', request, response);
    });
  }

  for (const { Server } of [http, https]) {
    const { emit } = Server.prototype;
    Server.prototype.emit = function (event, ...args) {
      if (event !== 'request' || own.has(this) || args[1]?.[REQUEST] !== undefined) return emit.call(this, event, ...args);
      return answer(emit, this, ...args);
    };
  }
}

module.exports = { installServer, own };
