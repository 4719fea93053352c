'use strict';

const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { getRPCMetadata, RPCType, setRPCMetadata } = require('@opentelemetry/core');
const { askedBy, askedFor } = require('./attributes');

const tracer = trace.getTracer('@atlas/instrumentation');

/** Where instrumentations of frameworks, the host's own too, leave the route's template. A class, to be known again as ours. */
class Rpc {
  type = RPCType.HTTP;
  route;

  constructor(span) {
    this.span = span;
  }
}

/** The span of a request that a server of this process answers. `context` is what runs within it. */
class Incoming {
  #open = true;

  /** @param {'http' | 'https'} scheme */
  constructor(request, scheme) {
    const around = context.active();
    const other = getRPCMetadata(around);
    if (other?.span?.isRecording() && !(other instanceof Rpc)) {
      // The host's own instrumentation was here first: it has the span, and ends it.
      this.#open = false;
      this.rpc = other;
      this.context = around;
    } else {
      const parent = propagation.extract(ROOT_CONTEXT, request.headers);
      const span = tracer.startSpan(request.method, { kind: SpanKind.SERVER, attributes: askedFor(request) }, parent);
      if (span.isRecording()) span.setAttributes(askedBy(request, scheme));
      this.rpc = new Rpc(span);
      this.context = setRPCMetadata(trace.setSpan(parent, span), this.rpc);
    }
    this.method = request.method;
    this.span = this.rpc.span;
  }

  failed(error) {
    if (!this.#open) return;
    this.span.setAttribute('error.type', error?.name ?? 'Error');
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: error?.message });
    this.span.recordException(error);
  }

  /** @param {string | undefined} route its template, if it has one */
  end(status, route) {
    if (!this.#open) return;
    const { span } = this;
    if (route !== undefined) {
      span.setAttribute('http.route', route);
      span.updateName(`${this.method} ${route}`);
    }
    span.setAttribute('http.response.status_code', status);
    if (status < 100 || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    this.#open = false;
  }
}

module.exports = { Incoming };
