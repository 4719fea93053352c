'use strict';

const { randomUUID } = require('node:crypto');
const { trace, context, TraceFlags } = require('@opentelemetry/api');
const { getRPCMetadata } = require('@opentelemetry/core');
const { routeOf } = require('./route');

/** Short, and of characters that no log, header or shell stumbles over. */
const REQUEST_ID = /^[\w.:+=@/-]{1,128}$/;

/** What is known of one request: its id, its user, its route. */
class Request {
  #start = performance.now();
  #user;
  #rpc = getRPCMetadata(context.active());
  #stream = false;

  constructor(request, response) {
    const given = request.headers['x-request-id'];
    this.id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    this.span = trace.getActiveSpan();
    this.request = request;
    this.response = response;
    this.span?.setAttribute('request_id', this.id);
  }

  /** Whom setUser named, or the one that an authentication such as Passport left on the request: its id, never its name or address. */
  get user() {
    if (this.#user !== undefined) return this.#user;
    const { user, auth } = this.request;
    const found = user?.id ?? user?.sub ?? user?.userId ?? auth?.userId ?? auth?.sub;
    return typeof found === 'string' || typeof found === 'number' ? String(found) : undefined;
  }

  set user(id) {
    this.#user = id;
  }

  get route() {
    return routeOf(this.request, this.#rpc);
  }

  /** Before the headers go out: the route is known, and the span is still open. */
  answering(isStream) {
    this.#stream = isStream;
    if (this.span?.isRecording()) {
      if (this.user !== undefined) this.span.setAttribute('user.id', this.user);
      // Where Express is, its own instrumentation names the span.
      if (this.#rpc && this.#rpc.route === undefined && this.route !== routeOf.UNMATCHED) this.#rpc.route = this.route;
    }
  }

  get isStream() {
    return this.#stream;
  }

  /** @param {(labels: object, seconds: number | undefined, traceId: string | undefined) => void} observe */
  count(observe) {
    const { request, response } = this;
    const span = this.span?.spanContext();
    const sampled = span !== undefined && (span.traceFlags & TraceFlags.SAMPLED) !== 0;
    // As nginx has it: the client went away before it was answered.
    const status = response.headersSent ? String(response.statusCode) : '499';
    observe(
      { method: request.method, route: this.route, status },
      this.#stream ? undefined : (performance.now() - this.#start) / 1000,
      sampled ? span.traceId : undefined,
    );
  }
}

module.exports = { Request };
