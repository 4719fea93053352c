'use strict';

const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { membersOf } = require('../json-text');

const FIELD = '_trace';
const KEY = `"${FIELD}"`;
const TRACER = '@atlas/instrumentation';

/** The field's value and what follows it, where it is the object's last member and holds no object itself. */
const LAST = /\s*:\s*\{[^{}]*\}(?=\s*\}\s*$)/y;

function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

// Bytes are read one to a character: what is not UTF-8 stays as it is, and JSON's own characters are the same in both.
const textOf = (message) => (typeof message === 'string' ? message : message.toString('latin1'));

/** The same kind of thing, text or bytes, as the host gave. */
const like = (given, text) => (typeof given === 'string' ? text : Buffer.from(text, 'latin1'));

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
  const text = textOf(message);
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
    const end = text.lastIndexOf('}');
    const comma = Object.keys(value).length > 0 ? ',' : '';
    try {
      return send(traceparent ? like(message, `${text.slice(0, end)}${comma}"${FIELD}":${field}${text.slice(end)}`) : message);
    } finally {
      span.end(); // it is handed over; how that ends is told by the client's own span
    }
  });
}

/** The trace in a message, with the message's text; undefined where there is none. */
function opened(message) {
  if (!message.includes(KEY)) return undefined;
  const text = textOf(message);
  const value = parse(text);
  const carrier = value?.[FIELD];
  if (typeof carrier?.traceparent !== 'string') return undefined;
  const parent = propagation.extract(ROOT_CONTEXT, carrier);
  return trace.getSpanContext(parent) === undefined ? undefined : { parent, text };
}

/**
 * The message without the field and the comma that belongs to it. All else stays as it was written.
 * @param {string} text an object of JSON that has the field
 */
function plain(text) {
  const at = text.indexOf(KEY);
  LAST.lastIndex = at + KEY.length;
  // As publishers put it. What is before it tells the name from the end of a text such as "\"_trace".
  if (/[{,\s]/.test(text[at - 1]) && text.lastIndexOf(KEY) === at && LAST.test(text)) {
    const head = text.slice(0, at).trimEnd();
    return (head.endsWith(',') ? head.slice(0, -1) : text.slice(0, at)) + text.slice(LAST.lastIndex);
  }
  // Moved by somebody, or there more than once.
  const members = membersOf(text);
  const kept = members.filter(({ name }) => JSON.parse(name) !== FIELD);
  const [first, last] = [members[0], members.at(-1)];
  return `${text.slice(0, first.from)}${kept.map(({ from, to }) => text.slice(from, to)).join(',')}${text.slice(last.to)}`;
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
  return context.with(trace.setSpan(envelope.parent, span), () => ending(span, () => receive(like(message, plain(envelope.text)))));
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
