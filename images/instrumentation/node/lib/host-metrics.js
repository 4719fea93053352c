'use strict';

const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');

/** Finds the default registry of the host's own prom-client, so that its metrics are served with the others. */
class HostMetrics extends InstrumentationBase {
  #registries;

  constructor(registries) {
    super('@atlas/instrumentation/prom-client', '1.0.0', {});
    this.#registries = registries;
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('prom-client', ['>=14 <16'], (module) => {
      this.#registries.add(module.register);
      return module;
    })];
  }
}

module.exports = { HostMetrics };
