'use strict';

const { diag, DiagLogLevel, SpanKind } = require('@opentelemetry/api');
const { ExportResultCode, setGlobalErrorHandler } = require('@opentelemetry/core');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { AmqplibInstrumentation } = require('@opentelemetry/instrumentation-amqplib');
const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');
const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg');
const { RedisInstrumentation } = require('@opentelemetry/instrumentation-redis');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { defaultResource, detectResources, envDetector, processDetector, resourceFromAttributes } = require('@opentelemetry/resources');
// Not public, and the only way to the sampler that the environment asks for.
const { buildSamplerFromEnv } = require('@opentelemetry/sdk-trace-base/build/src/config');
const { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { EdgePropagator, EdgeSampler } = require('./edge');
const { ImportantTraces } = require('./important');

/** Loads the exporter of the protocol alone: the other one costs memory for nothing. */
function createExporter({ endpoint, protocol }) {
  if (protocol === 'grpc') {
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
    return new OTLPTraceExporter({ url: endpoint });
  }
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

/** Says once that the traces' receiver does not answer, and once that it answers again. */
function reporting(exporter, endpoint, logger) {
  let failing = false;
  const send = exporter.export.bind(exporter);
  exporter.export = (spans, done) =>
    send(spans, (result) => {
      const failed = result.code !== ExportResultCode.SUCCESS;
      if (failed && !failing) logger.warn({ reason: result.error?.message }, `No traces reach ${endpoint}; the service goes on without them.`);
      if (!failed && failing) logger.info(`Traces reach ${endpoint} again.`);
      failing = failed;
      done(result);
    });
  return exporter;
}

/** Batches what says something. */
class Spans extends BatchSpanProcessor {
  onStart(span, parent) {
    // Next.js makes a second server span inside that of the HTTP server: each request would be counted twice.
    if (span.attributes['next.span_type'] === 'BaseServer.handleRequest') span.kind = SpanKind.INTERNAL;
    super.onStart(span, parent);
  }

  onEnd(span) {
    // A router's span ends when it begins, and its children hang on the span above it.
    if (span.attributes['express.type'] !== 'router') super.onEnd(span);
  }
}

/** The gateway decides what is kept, and no caller: all is sampled, unless the environment names another sampler. */
function createSampler({ disabled, important }) {
  if (disabled) return new AlwaysOffSampler();
  const sampler = new EdgeSampler(process.env.OTEL_TRACES_SAMPLER?.trim() ? buildSamplerFromEnv() : new AlwaysOnSampler());
  return important.length > 0 ? new ImportantTraces(sampler, important) : sampler;
}

/** A server-named queue is a new name for each connection: the exchange says as much and stays the same. */
function nameConsumer(span, { msg }) {
  if (msg.fields.exchange) span.updateName(`${msg.fields.exchange} process`);
}

/**
 * Starts OpenTelemetry. Spans and their ids exist also where nothing is exported, since logs and routes need them.
 *
 * @param {object} own instrumentations of this package, to be registered with the others
 * @param {(request: import('http').IncomingMessage) => boolean} ignored requests without a span
 */
function startTracing(settings, logger, own, ignored) {
  const { endpoint, disabled } = settings.tracing;
  // What is logged is only what is new: the SDK repeats itself with every batch.
  const said = new Set();
  const once = (level) => (message) => {
    if (said.size > 100 || said.has(message)) return;
    said.add(message);
    logger[level](`OpenTelemetry: ${message}`);
  };
  diag.setLogger(
    { error: once('warn'), warn: once('warn'), info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  setGlobalErrorHandler(() => {}); // failed exports: `reporting` tells of them

  const processors = [];
  if (endpoint !== undefined && !disabled) {
    try {
      processors.push(new Spans(reporting(createExporter(settings.tracing), endpoint, logger)));
    } catch (error) {
      logger.warn({ reason: error.message }, `No exporter of traces for ${endpoint}; the service goes on without traces.`);
    }
  }
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [processDetector, envDetector] }))
      .merge(resourceFromAttributes({ 'service.name': settings.service })),
    spanProcessors: processors,
    sampler: createSampler(settings.tracing),
  });
  provider.register({ propagator: new EdgePropagator() });
  registerInstrumentations({
    tracerProvider: provider,
    instrumentations: [
      new HttpInstrumentation({ ignoreIncomingRequestHook: ignored }),
      // Routes are wanted, not a span for each middleware.
      new ExpressInstrumentation({ ignoreLayersType: ['middleware', 'request_handler'] }),
      new UndiciInstrumentation(),
      new AmqplibInstrumentation({ consumeHook: nameConsumer }),
      new IORedisInstrumentation(),
      new RedisInstrumentation(),
      new PgInstrumentation(),
      ...own,
    ],
  });
  // Loaded now, so that they are patched before the host takes anything out of them; ESM hosts import the patched functions too.
  require('node:http');
  require('node:https');
  require('node:module').syncBuiltinESMExports();
  return provider;
}

module.exports = { startTracing };
