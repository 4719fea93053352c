'use strict';

const http = require('node:http');
const https = require('node:https');
const api = require('@opentelemetry/api');
const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');

const { context, INVALID_SPAN_CONTEXT, trace } = api;
const GLOBAL = Symbol.for('opentelemetry.js.api.1');
const OURS = 'The service has an OpenTelemetry SDK of its own. Spans are made by this one and go where OTEL_EXPORTER_OTLP_ENDPOINT says; its own exporters of traces get none.';
const THEIRS = 'The service started an OpenTelemetry SDK before this package, so spans are made by that one. Load @atlas/instrumentation/register first.';

/** True where version `a` of one major is newer than `b`. */
function isNewer(a, b) {
  const [, minorA, patchA] = a.split('.').map(Number);
  const [, minorB, patchB] = b.split('.').map(Number);
  return minorA > minorB || (minorA === minorB && patchA > patchB);
}

/**
 * A host may bring OpenTelemetry itself. Two SDKs would give each call two spans and two `traceparent`s, so one makes them, and that is
 * ours, which the platform's pipeline hears. The host's own spans are spans of ours, and what its instrumentations know beyond ours stays.
 */
class HostSdk extends InstrumentationBase {
  #brought;
  #say;

  /**
   * @param {string[]} brought names of the instrumentations of which there is one already
   * @param {(message: string) => void} say once
   */
  constructor(brought, say) {
    super('@atlas/instrumentation/opentelemetry', '1.0.0', { enabled: false });
    this.#brought = new Set(brought);
    this.#say = say;
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('@opentelemetry/instrumentation', ['*'], (module) => this.#sharing(module))];
  }

  /** The module with a base class whose instrumentations give their spans to our SDK, and do nothing where ours is at work. */
  #sharing(module) {
    const base = module.InstrumentationBase;
    if (base === InstrumentationBase || typeof base !== 'function') return module;
    const construct = (target, [name, version, config], made) => {
      const twice = this.#brought.has(name);
      const instance = Reflect.construct(target, [name, version, twice ? { ...config, enabled: false } : config], made);
      const nothing = twice ? ['enable', 'setTracerProvider'] : ['setTracerProvider'];
      for (const method of nothing) Object.defineProperty(instance, method, { value() {}, configurable: true });
      this.#say(OURS);
      return instance;
    };
    const sharing = new Proxy(base, { construct });
    return new Proxy(module, { get: (target, name) => (name === 'InstrumentationBase' ? sharing : Reflect.get(target, name)) });
  }
}

/**
 * What a service has bundled, no hook sees. So instrumentations that ask for a tracer by a name that we bring get one whose spans are those
 * around them, and our own functions do not look like wrappers that they may take away.
 *
 * @param {string[]} brought
 */
function shareProvider(provider, brought) {
  const taken = new Set(brought);
  const around = {
    startSpan: (_name, _options, within = context.active()) => trace.wrapSpanContext(trace.getSpanContext(within) ?? INVALID_SPAN_CONTEXT),
    startActiveSpan: (_name, ...args) => args.at(-1)(around.startSpan()),
  };
  trace.getTracerProvider().setDelegate({ getTracer: (name, ...rest) => (taken.has(name) ? around : provider.getTracer(name, ...rest)) });
  for (const module of [http, https]) {
    for (const name of ['request', 'get']) Object.defineProperty(module[name], '__wrapped', { value: false, configurable: true });
  }
}

/**
 * Copies of the API work together where the one that was registered first is the newest. An older copy is replaced by ours, which has all
 * of it; for a newer one ours calls itself as new, since what it asks of a tracer has not changed within version 1.
 */
class HostApi extends InstrumentationBase {
  constructor() {
    super('@atlas/instrumentation/opentelemetry-api', '1.0.0', {});
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('@opentelemetry/api', ['>=1 <2'], oneApi)];
  }
}

function oneApi(module, version) {
  const registered = globalThis[GLOBAL];
  if (module === api || version === undefined || registered === undefined) return module;
  if (!isNewer(version, registered.version)) return version === registered.version ? module : api;
  registered.version = version;
  return module;
}

/** What to say where the API complains that there is an SDK already. */
const isSecond = (message) => message.includes('Attempted duplicate registration of API');
/** Whether there was an SDK before ours. */
const isThere = () => globalThis[GLOBAL]?.trace !== undefined;

module.exports = { HostApi, HostSdk, isSecond, isThere, OURS, shareProvider, THEIRS };
