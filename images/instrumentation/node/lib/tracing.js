'use strict';

const { context, diag, DiagLogLevel, SpanKind } = require('@opentelemetry/api');
const { ExportResultCode, setGlobalErrorHandler } = require('@opentelemetry/core');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { AmqplibInstrumentation } = require('@opentelemetry/instrumentation-amqplib');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');
const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg');
const { RedisInstrumentation } = require('@opentelemetry/instrumentation-redis');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { defaultResource, detectResources, envDetector, processDetector, resourceFromAttributes } = require('@opentelemetry/resources');
// Not public, and the only way to the sampler that the environment asks for.
const { buildSamplerFromEnv } = require('@opentelemetry/sdk-trace-base/build/src/config');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { AlwaysOnSampler, BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { EdgePropagator, EdgeSampler } = require('./edge');
const { keepCallback, prepare, sendOnce } = require('./headers');
const { HostApi, HostSdk, isSecond, isThere, OURS, shareProvider, THEIRS } = require('./host-sdk');
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

/** What OpenTelemetry has for routes: they are found at less cost, without a span for each layer. */
const ROUTING = ['@opentelemetry/instrumentation-express', '@opentelemetry/instrumentation-router', '@opentelemetry/instrumentation-connect'];

/** Batches what says something. */
class Spans extends BatchSpanProcessor {
  onStart(span, parent) {
    // Next.js makes a second server span inside that of the HTTP server: each request would be counted twice.
    if (span.attributes['next.span_type'] === 'BaseServer.handleRequest') span.kind = SpanKind.INTERNAL;
    super.onStart(span, parent);
  }
}

/** The gateway decides what is kept, and no caller: all is sampled, unless the environment names another sampler. */
function createSampler({ important }) {
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
 */
function startTracing(settings, logger, own) {
  const { endpoint, disabled } = settings.tracing;
  // What is logged is only what is new: the SDK repeats itself with every batch.
  const said = new Set();
  const once = (level) => (message) => {
    const [sentence, how] = isSecond(message) ? [OURS, 'info'] : [message, level];
    if (said.size > 100 || said.has(sentence)) return;
    said.add(sentence);
    logger[how](`OpenTelemetry: ${sentence}`);
  };
  if (isThere()) {
    logger.warn(`OpenTelemetry: ${THEIRS}`);
    registerInstrumentations({ instrumentations: own });
    return undefined;
  }
  if (disabled) {
    // No span and no header; ids of requests go by its context all the same.
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    registerInstrumentations({ instrumentations: [...own, new HostApi()] });
    return undefined;
  }
  diag.setLogger(
    { error: once('warn'), warn: once('warn'), info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  setGlobalErrorHandler(() => {}); // failed exports: `reporting` tells of them

  const processors = [];
  if (endpoint !== undefined) {
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
  const brought = [
    // What comes in has its span by lib/spans/incoming.js, which costs less.
    new HttpInstrumentation({ disableIncomingRequestInstrumentation: true, startOutgoingSpanHook: prepare }),
    new UndiciInstrumentation({ requestHook: (_, request) => sendOnce(request) }),
    new AmqplibInstrumentation({ consumeHook: nameConsumer }),
    new IORedisInstrumentation(),
    new RedisInstrumentation(),
    new PgInstrumentation(),
  ];
  const names = [...brought.map((each) => each.instrumentationName), ...ROUTING];
  const say = once('info');
  registerInstrumentations({ tracerProvider: provider, instrumentations: [...brought, ...own, new HostApi(), new HostSdk(names, say)] });
  // Loaded now, so that they are patched before the host takes anything out of them; ESM hosts import the patched functions too.
  for (const module of [require('node:http'), require('node:https')]) keepCallback(module);
  shareProvider(provider, names);
  require('node:module').syncBuiltinESMExports();
  return provider;
}

module.exports = { startTracing };
