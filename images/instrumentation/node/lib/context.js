'use strict';

const { context, createContextKey, trace, isSpanContextValid } = require('@opentelemetry/api');

// What belongs to one request travels in OpenTelemetry's own context, so that there is one asynchronous storage and not two.
const KEY = createContextKey('atlas.request');

/** The request in which the caller runs, or undefined. */
function currentRequest() {
  return context.active().getValue(KEY);
}

/** @param {import('@opentelemetry/api').Context} around */
function withRequest(around, request) {
  return around.setValue(KEY, request);
}

/** Fields that every log line of a request or span has: `trace_id`, `span_id`, `request_id`, `user_id`; those that are known. */
function contextFields() {
  const active = context.active();
  const fields = {};
  const span = trace.getSpanContext(active);
  if (span !== undefined && isSpanContextValid(span)) {
    fields.trace_id = span.traceId;
    fields.span_id = span.spanId;
  }
  const request = active.getValue(KEY);
  if (request !== undefined) {
    fields.request_id = request.id;
    const user = request.user;
    if (user !== undefined) fields.user_id = user;
  }
  return fields;
}

/** Names the user of the current request, for its log lines and its span; outside a request it does nothing. */
function setUser(id) {
  const request = currentRequest();
  if (request === undefined || id === undefined || id === null) return;
  request.user = String(id);
  trace.getActiveSpan()?.setAttribute('user.id', request.user);
}

module.exports = { contextFields, currentRequest, setUser, withRequest };
