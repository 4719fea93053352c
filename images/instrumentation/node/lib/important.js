'use strict';

const { INVALID_TRACEID, SpanKind, trace } = require('@opentelemetry/api');
const { TraceState } = require('@opentelemetry/core');

// What the gateway keeps whatever share it samples: config/collector/gateway.yaml, sanitize: keep.
const [KEY, VALUE] = ['atlas', 'important'];
const MEMBER = `${KEY}=${VALUE}`;
const MARKED = new TraceState(MEMBER);

const READS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** Where a message goes, in the words of each instrumentation. Queues are not among them: one may hear everything. */
const DESTINATIONS = [
  'messaging.destination.name',
  'messaging.destination',
  'messaging.rabbitmq.destination.routing_key',
  'messaging.rabbitmq.routing_key',
];

/** The path of a request, without its query, which is anybody's text. */
function pathOf(attributes) {
  const path = attributes['url.path'] ?? attributes['http.target'];
  if (path !== undefined) return String(path).split('?', 1)[0];
  const url = attributes['url.full'] ?? attributes['http.url'];
  return URL.canParse(url) ? new URL(url).pathname : '';
}

/** The mark goes first, as the newest member does; the others stay, the oldest only as long as there is room. */
function marked(state) {
  if (state === undefined) return MARKED;
  return state.get(KEY) === VALUE ? state : new TraceState(`${MEMBER},${state.unset(KEY).serialize()}`);
}

/**
 * Marks traces that matter in their W3C trace state, where they begin or come into this process; all later spans inherit it, over HTTP and
 * both buses. What is recorded is left to the sampler within.
 */
class ImportantTraces {
  #within;
  #words;

  /** @param {string[]} words what matters has one of them, in lower case, in its path, topic or name */
  constructor(within, words) {
    this.#within = within;
    this.#words = words;
  }

  shouldSample(context, traceId, name, kind, attributes, links) {
    const result = this.#within.shouldSample(context, traceId, name, kind, attributes, links);
    const parent = trace.getSpanContext(context);
    // Most spans: they have what their parent has.
    if (parent !== undefined && !parent.isRemote && parent.traceId !== INVALID_TRACEID) return result;
    if (!this.#matters(name, kind, attributes)) return result;
    return { ...result, traceState: marked(result.traceState ?? parent?.traceState) };
  }

  #matters(name, kind, attributes) {
    const method = attributes['http.request.method'] ?? attributes['http.method'];
    if (method !== undefined) return !READS.has(method) && this.#found(pathOf(attributes));
    const destinations = DESTINATIONS.map((each) => attributes[each]).filter(Boolean);
    if (destinations.length > 0) return destinations.some((each) => this.#found(each));
    // A call without a request's attributes is a database's or a cache's, whose name may be that of a table.
    return kind !== SpanKind.CLIENT && this.#found(name);
  }

  #found(text) {
    const lower = String(text).toLowerCase();
    return this.#words.some((word) => lower.includes(word));
  }

  toString() {
    return `ImportantTraces{${this.#within}}`;
  }
}

module.exports = { ImportantTraces };
