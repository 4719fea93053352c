'use strict';

const LEVELS = new Map([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
  ['critical', 'fatal'],
]);
const PROTOCOLS = ['grpc', 'http/protobuf'];
const COOKIES = ['auto', 'strict', 'off'];
const ON = ['true', '1', 'on', 'yes'];
const OFF = ['false', '0', 'off', 'no', ''];

const SESSION_COOKIES = ['*session-token*', 'connect.sid', '*.sid'];
const KEPT_COOKIES = ['XSRF-TOKEN'];
const IMPORTANT_TRACES = ['order', 'kill', 'risk'];
const FLUSH_MS = 2000;

/**
 * Reads every setting from the environment. A value that cannot be used is never an error: it becomes a sentence in `problems`, which is
 * logged once, and the default takes its place.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function readSettings(env) {
  const problems = [];
  const choose = (name, found, allowed, fallback) => {
    problems.push(`${name} is "${found}", expected ${allowed}; using ${fallback}.`);
    return fallback;
  };

  const level = LEVELS.get((env.LOG_LEVEL || 'info').toLowerCase())
    ?? choose('LOG_LEVEL', env.LOG_LEVEL, 'debug, info, warning, error or critical', 'info');

  const oneOf = (name, allowed, fallback) => {
    const value = env[name]?.trim().toLowerCase();
    if (!value || allowed.includes(value)) return value || fallback;
    return choose(name, env[name], allowed.join(', '), fallback);
  };
  const flag = (name) => {
    const value = (env[name] ?? '').trim().toLowerCase();
    if (ON.includes(value)) return true;
    if (OFF.includes(value)) return false;
    return choose(name, env[name], 'true or false', false);
  };
  const number = (name, fallback, highest) => {
    const text = env[name]?.trim();
    if (!text) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= highest) return value;
    return choose(name, env[name], `a whole number from 1 to ${highest}`, fallback);
  };
  const list = (name, fallback) =>
    env[name] === undefined ? fallback : env[name].split(',').map((each) => each.trim()).filter(Boolean);
  const url = (name) => {
    const value = env[name]?.trim();
    if (!value) return undefined;
    if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
    problems.push(`${name} is "${env[name]}", expected a URL such as http://otel-collector:4317; it is ignored.`);
    return undefined;
  };

  return {
    problems,
    level,
    service: env.OTEL_SERVICE_NAME?.trim() || 'unknown_service',
    metrics: env.METRICS_PORT?.trim().toLowerCase() === 'off'
      ? undefined
      : { port: number('METRICS_PORT', 9464, 65535), host: env.METRICS_HOST?.trim() || undefined },
    tracing: {
      disabled: flag('OTEL_SDK_DISABLED'),
      // The one variable for traces goes before the one for all signals, as in OpenTelemetry's specification.
      endpoint: env.OTEL_TRACES_EXPORTER === 'none'
        ? undefined
        : url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? url('OTEL_EXPORTER_OTLP_ENDPOINT'),
      protocol: env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
        ? oneOf('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', PROTOCOLS, 'grpc')
        : oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', PROTOCOLS, 'grpc'),
      important: list('ATLAS_IMPORTANT_TRACES', IMPORTANT_TRACES).map((each) => each.toLowerCase()),
    },
    traceRedisMessages: flag('TRACE_REDIS_MESSAGES'),
    cookies: {
      mode: oneOf('ATLAS_COOKIES', COOKIES, 'auto'),
      publicUrl: env.NEXTAUTH_URL?.trim() || undefined,
      session: list('ATLAS_SESSION_COOKIES', SESSION_COOKIES),
      kept: list('ATLAS_COOKIES_KEEP', KEPT_COOKIES),
    },
    flushMs: number('ATLAS_FLUSH_TIMEOUT_MS', FLUSH_MS, 60000),
  };
}

module.exports = { readSettings };
