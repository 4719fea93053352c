'use strict';

const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');
const { process: consume, publish } = require('./envelope');

/** Where an event of a subscriber has its channel and its message. */
const EVENTS = { message: [0, 1], messageBuffer: [0, 1], smessage: [0, 1], smessageBuffer: [0, 1], pmessage: [1, 2], pmessageBuffer: [1, 2] };

/** An ES module and a CommonJS one of the same host may both bring it. */
const patched = new WeakSet();

/** The envelope for ioredis. Every way to publish, pipelines and clusters too, ends in sendCommand. */
class IORedisMessages extends InstrumentationBase {
  #publishes;

  constructor(publishes) {
    super('@atlas/instrumentation/ioredis', '1.0.0', {});
    this.#publishes = publishes;
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('ioredis', ['>=4 <7'], (module) => {
      const { prototype } = module.Redis ?? module.default ?? module;
      if (!patched.has(prototype)) {
        patched.add(prototype);
        receiving(prototype);
        if (this.#publishes) sending(prototype);
      }
      return module;
    })];
  }
}

// Assigned and not wrapped by the base class: OpenTelemetry's instrumentation would take such a wrapper for its own and remove it.

function receiving(prototype) {
  const { emit } = prototype;
  prototype.emit = function (event, ...args) {
    const at = EVENTS[event];
    if (at === undefined || this.listenerCount(event) === 0) return emit.call(this, event, ...args);
    const [channel, message] = at;
    return consume(args[channel], args[message], (plain) => emit.call(this, event, ...args.with(message, plain)));
  };
}

function sending(prototype) {
  const { sendCommand } = prototype;
  prototype.sendCommand = function (command, ...rest) {
    if (command?.name !== 'publish' && command?.name !== 'spublish') return sendCommand.call(this, command, ...rest);
    const [channel, message] = command.args;
    return publish(channel, message, (enclosed) => {
      command.args[1] = enclosed;
      return sendCommand.call(this, command, ...rest);
    });
  };
}

module.exports = { IORedisMessages };
