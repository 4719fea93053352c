'use strict';

const { randomUUID } = require('node:crypto');
const { TraceFlags } = require('@opentelemetry/api');
const { withRequest } = require('../context');
const { Incoming } = require('../spans/incoming');
const { routeOf } = require('./route');

/** Short, and of characters that no log, header or shell stumbles over. */
const REQUEST_ID = /^[\w.:+=@/-]{1,128}$/;

/** As nginx has it: the client went away before it was answered. */
const LEFT = 499;
const BROKEN_OFF = 500;
/** How the system says that nobody listens any more. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** What is known of one request: its id, its user, its route, its span. */
class Request {
  #start = performance.now();
  #user;
  #incoming;
  #route;
  #stream = false;
  /** True when its answer has been closed: some hosts say so twice. */
  isOver = false;

  /** @param {'http' | 'https'} scheme */
  constructor(request, response, scheme) {
    const given = request.headers['x-request-id'];
    this.id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    this.#incoming = new Incoming(request, scheme);
    this.context = withRequest(this.#incoming.context, this);
    this.request = request;
    this.response = response;
    this.#incoming.span.setAttribute('request_id', this.id);
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
    return this.#route ?? routeOf(this.request, this.#incoming.rpc);
  }

  /** Before the headers go out: the route is known, and the span is still open. */
  answering(isStream) {
    this.#stream = isStream;
    const { rpc, span } = this.#incoming;
    if (this.user !== undefined) span.setAttribute('user.id', this.user);
    const { route } = this;
    if (route !== routeOf.UNMATCHED) this.#route = rpc.route = route;
  }

  get isStream() {
    return this.#stream;
  }

  /**
   * Of the answer; 499 where the client left before it had all of it, 500 where the service broke it off. How long a client stayed says
   * nothing of the service.
   */
  get status() {
    const { response } = this;
    if (!this.isOver || this.#stream || response.writableFinished) return response.statusCode;
    const { errored, readableEnded } = this.request.socket;
    return readableEnded || GONE.has(errored?.code) ? LEFT : BROKEN_OFF;
  }

  /** @param {(labels: object, seconds: number | undefined, traceId: string | undefined) => void} observe */
  count(observe) {
    const { request } = this;
    const { traceFlags, traceId } = this.#incoming.span.spanContext();
    const untimed = this.#stream || this.status === LEFT;
    observe(
      { method: request.method, route: this.route, status: String(this.status) },
      untimed ? undefined : (performance.now() - this.#start) / 1000,
      (traceFlags & TraceFlags.SAMPLED) !== 0 ? traceId : undefined,
    );
  }

  /** A request for another protocol has been answered. */
  upgraded(status, observe) {
    this.response.statusCode = status;
    this.#stream = true;
    this.count(observe);
    this.end();
  }

  failed(error) {
    this.#incoming.failed(error);
  }

  end() {
    this.#incoming.end(this.status, this.route === routeOf.UNMATCHED ? undefined : this.route);
  }
}

module.exports = { Request };
