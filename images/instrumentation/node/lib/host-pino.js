'use strict';

const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');
const { contextFields } = require('./context');

const PRETTY = 'pino-pretty';

/**
 * Gives the lines of the host's own pino the request and trace in which they were logged, also where a transport writes them later.
 * A pretty-printing transport is left out: its text is for people at a terminal.
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

const ORIGINAL = Symbol('atlas.pino');

function withContext(pino) {
  const ours = new Proxy(pino, {
    apply(target, self, [first, stream]) {
      const isStream = typeof first?.write === 'function';
      const options = { ...(isStream || typeof first === 'string' ? undefined : first) };
      const { mixin } = options;
      options.mixin = (...args) => ({ ...contextFields(), ...mixin?.(...args) });
      if (options.transport?.target === PRETTY && options.transport.options?.destination === undefined) delete options.transport;
      return Reflect.apply(target, self, [options, isStream ? first : stream]);
    },
    get(target, name) {
      if (name === 'default' || name === 'pino') return ours;
      return name === ORIGINAL ? target : Reflect.get(target, name);
    },
  });
  return ours;
}

module.exports = { HostPino };
