'use strict';

const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');

const FIELD = '_trace';
const TRACER = '@atlas/instrumentation';

// The field as publishers put it: the last one of the object. A price such as 0.10 or a number of 20 digits would not survive being parsed
// and printed, so it is put in and taken out as text.
const LAST = /,?\s*"_trace"\s*:\s*(\{[^{}]*\})\s*\}\s*$/;

function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The same kind of thing, text or bytes, as the host gave. */
const like = (given, text) => (typeof given === 'string' ? text : Buffer.from(text));

/**
 * Publishes by `send`, with the trace in the message where that is a JSON object without one; every other message goes as it is.
 *
 * @template T
 * @param {string | Buffer} message
 * @param {(message: string | Buffer) => T} send
 * @returns {T}
 */
function publish(channel, message, send) {
  if (typeof message !== 'string' && !Buffer.isBuffer(message)) return send(message);
  const text = message.toString();
  const value = parse(text);
  if (value === undefined || FIELD in value) return send(message);

  const span = trace.getTracer(TRACER).startSpan(`publish ${channel}`, {
    kind: SpanKind.PRODUCER,
    attributes: { 'messaging.system': 'redis', 'messaging.destination.name': String(channel), 'messaging.operation.type': 'send' },
  });
  return context.with(trace.setSpan(context.active(), span), () => {
    const carrier = {};
    propagation.inject(context.active(), carrier);
    const { traceparent, tracestate } = carrier;
    const field = JSON.stringify({ traceparent, ...(tracestate && { tracestate }) });
    const head = text.trimEnd().slice(0, -1).trimEnd();
    try {
      return send(traceparent ? like(message, `${head}${head.endsWith('{') ? '' : ','}"${FIELD}":${field}}`) : message);
    } finally {
      span.end(); // it is handed over; how that ends is told by the client's own span
    }
  });
}

/** The trace in a message, with the object that the message is; undefined where there is none. */
function opened(message) {
  if (!message.includes(`"${FIELD}"`)) return undefined;
  const text = message.toString();
  const value = parse(text);
  const carrier = value?.[FIELD];
  if (typeof carrier?.traceparent !== 'string') return undefined;
  const parent = propagation.extract(ROOT_CONTEXT, carrier);
  return trace.getSpanContext(parent) === undefined ? undefined : { parent, text, value };
}

/** The message without the field. What was written anew on its way, in another order, is written anew here as well. */
function plain({ text, value }) {
  const last = LAST.exec(text);
  if (last) return `${text.slice(0, last.index)}}`;
  const { [FIELD]: taken, ...others } = value;
  return JSON.stringify(others);
}

/**
 * Hands a message on by `receive`: without the trace that is in it and as a part of that trace, or as it is and as a part of none, since
 * what the connection belonged to has nothing to do with it.
 *
 * @template T
 * @param {string | Buffer} message
 * @param {(message: string | Buffer) => T} receive
 * @returns {T}
 */
function process(channel, message, receive) {
  if (typeof message !== 'string' && !Buffer.isBuffer(message)) return receive(message);
  const envelope = opened(message);
  if (envelope === undefined) return context.with(ROOT_CONTEXT, () => receive(message));
  const span = trace.getTracer(TRACER).startSpan(`process ${channel}`, {
    kind: SpanKind.CONSUMER,
    attributes: { 'messaging.system': 'redis', 'messaging.destination.name': String(channel), 'messaging.operation.type': 'process' },
  }, envelope.parent);
  return context.with(trace.setSpan(envelope.parent, span), () => ending(span, () => receive(like(message, plain(envelope)))));
}

/** Runs `work` and ends the span with it, or with the promise that it returns. */
function ending(span, work) {
  const failed = (error) => {
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error?.message });
    span.end();
    throw error;
  };
  let result;
  try {
    result = work();
  } catch (error) {
    failed(error);
  }
  // Handed back with its rejection, so that one which nobody handles is still one which nobody handles.
  if (typeof result?.then === 'function') return result.then((value) => { span.end(); return value; }, failed);
  span.end();
  return result;
}

module.exports = { process, publish };
