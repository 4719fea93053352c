'use strict';

const { createContextKey, propagation, trace, TraceFlags } = require('@opentelemetry/api');
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require('@opentelemetry/core');

const FROM_OUTSIDE = createContextKey('atlas: from outside');

/**
 * One of these is on every request that came through an ingress controller or a gateway: they add it, and no client can take it away.
 * Calls between services have none, unless one passes on what it was asked itself, to which the same rule then gives the same result.
 */
const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-envoy-external-address'];
/** The trace state's members that decide what is kept: the mark of what matters, and OpenTelemetry's own. */
const DECIDING = ['atlas', 'ot'];

/** The other members stay. */
function undecided(state) {
  const rest = DECIDING.reduce((kept, key) => kept?.unset(key), state);
  return rest?.serialize() ? rest : undefined;
}

/**
 * What came with a request from outside is its client's words. The trace's id stays, so that a client finds its trace here; whether and why
 * it is kept is decided anew, and its baggage goes no further.
 */
class EdgePropagator {
  #within = new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] });

  fields() {
    return this.#within.fields();
  }

  inject(context, carrier, setter) {
    this.#within.inject(context, carrier, setter);
  }

  extract(context, carrier, getter) {
    const found = this.#within.extract(context, carrier, getter);
    if (found === context || !FORWARDED.some((header) => getter.get(carrier, header) !== undefined)) return found;
    const anew = propagation.deleteBaggage(found).setValue(FROM_OUTSIDE, true);
    const client = trace.getSpanContext(anew);
    if (!client?.isRemote) return anew;
    return trace.setSpanContext(anew, {
      ...client, traceFlags: client.traceFlags | TraceFlags.SAMPLED, traceState: undecided(client.traceState),
    });
  }
}

/** For a span that a request from outside begins, a sampler decides as for a root. */
class EdgeSampler {
  #within;

  constructor(within) {
    this.#within = within;
  }

  shouldSample(context, ...span) {
    const parent = trace.getSpanContext(context);
    if (!parent?.isRemote || context.getValue(FROM_OUTSIDE) !== true) return this.#within.shouldSample(context, ...span);
    const result = this.#within.shouldSample(trace.deleteSpan(context), ...span);
    return { ...result, traceState: result.traceState ?? parent.traceState };
  }

  toString() {
    return `EdgeSampler{${this.#within}}`;
  }
}

module.exports = { EdgePropagator, EdgeSampler };
