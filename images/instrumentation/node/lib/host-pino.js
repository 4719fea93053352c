'use strict';

const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');
const { contextFields } = require('./context');
const { filteredStdout, isForTerminals } = require('./host-pino-pretty');
const { during } = require('./log/origin');

const ORIGINAL = Symbol('atlas.pino');

/** What a line is given before the host's own settings hide a part of it is not added again behind them. */
const COMPLETE = { level: 'info', ids: {} };

/**
 * Gives the lines of the host's own pino the request and trace in which they were logged, also where a transport writes them later. The
 * host's redaction, serializers and formatters see these fields as they see its own.
 */
class HostPino extends InstrumentationBase {
  constructor() {
    super('@atlas/instrumentation/pino', '1.0.0', {});
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('pino', ['>=7 <11'], (module) => (module[ORIGINAL] ? module : withContext(module)))];
  }
}

/** Options with our mixin behind the host's own, or as they are where they cannot have it. */
function mixed(given) {
  const { mixin, mixinMergeStrategy, nestedKey } = given;
  // Below a key of the host's they would be of no use, and pino itself says what is wrong with a mixin that is none.
  if (nestedKey || (mixin && typeof mixin !== 'function')) return given;
  if (mixin && mixinMergeStrategy) {
    return { ...given, mixinMergeStrategy: (object, more) => ({ ...contextFields(), ...mixinMergeStrategy(object, more) }) };
  }
  // Without a mixin of its own, pino never asks a host's strategy.
  const both = mixin && ((...args) => ({ ...contextFields(), ...mixin(...args) }));
  return { ...given, mixinMergeStrategy: undefined, mixin: both || contextFields };
}

function withContext(pino) {
  const ours = new Proxy(pino, {
    apply(target, self, [first, second]) {
      const isStream = typeof first?.write === 'function';
      const given = isStream || typeof first === 'string' || !first ? {} : first;
      let options = mixed(given);
      let stream = isStream ? first : second;
      // Text for people at a terminal is left out. What it would not have shown is not shown either.
      if (stream === undefined && isForTerminals(given.transport)) {
        options = { ...options, transport: undefined };
        stream = filteredStdout(given.transport.options);
      }
      const logger = Reflect.apply(target, self, [options, stream]);
      const isMixed = options.mixin !== given.mixin || options.mixinMergeStrategy !== given.mixinMergeStrategy;
      if (isMixed) markLines(logger, target.symbols?.writeSym);
      return logger;
    },
    get(target, name) {
      if (name === 'default' || name === 'pino') return ours;
      return name === ORIGINAL ? target : Reflect.get(target, name);
    },
  });
  return ours;
}

/** Says of each line that this logger writes, or one of its children, that it has all of its context. */
function markLines(logger, symbol) {
  const write = logger[symbol];
  if (typeof write !== 'function') return;
  Object.defineProperty(logger, symbol, {
    configurable: true,
    writable: true,
    value(...args) {
      return during(COMPLETE, () => write.apply(this, args));
    },
  });
}

module.exports = { HostPino };
