'use strict';

const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');
const { process: consume, publish } = require('./envelope');

const PUBLISH = ['publish', 'PUBLISH', 'sPublish', 'SPUBLISH'];
const SUBSCRIBE = ['subscribe', 'SUBSCRIBE', 'pSubscribe', 'PSUBSCRIBE', 'sSubscribe', 'SSUBSCRIBE'];
const UNSUBSCRIBE = ['unsubscribe', 'UNSUBSCRIBE', 'pUnsubscribe', 'PUNSUBSCRIBE', 'sUnsubscribe', 'SUNSUBSCRIBE'];

/** The host's listener and ours, always the same pair, so that unsubscribing finds it. */
const listeners = new WeakMap();

function listening(listener) {
  if (typeof listener !== 'function') return listener;
  let ours = listeners.get(listener);
  if (ours === undefined) {
    ours = (message, channel) => consume(channel, message, (plain) => listener(plain, channel));
    listeners.set(listener, ours);
  }
  return ours;
}

function replace(client, names, make) {
  for (const name of names) if (typeof client[name] === 'function') client[name] = make(client[name].bind(client));
}

/** Gives one client the envelope. Its methods are made for each kind of client anew, so there is no prototype to do it once. */
function instrument(client, publishes) {
  if (publishes) {
    replace(client, PUBLISH, (original) => (channel, message) => publish(channel, message, (enclosed) => original(channel, enclosed)));
  }
  replace(client, SUBSCRIBE, (original) => (channels, listener, ...rest) => original(channels, listening(listener), ...rest));
  replace(client, UNSUBSCRIBE, (original) => (channels, listener, ...rest) => original(channels, listening(listener), ...rest));
  replace(client, ['duplicate'], (original) => (...args) => instrument(original(...args), publishes));
  return client;
}

/** The envelope for node-redis 4 and newer. */
class RedisMessages extends InstrumentationBase {
  #publishes;

  constructor(publishes) {
    super('@atlas/instrumentation/redis', '1.0.0', {});
    this.#publishes = publishes;
    this.enable();
  }

  init() {
    return [new InstrumentationNodeModuleDefinition('@redis/client', ['>=1 <7'], (module) => {
      for (const name of ['createClient', 'createCluster']) {
        const { [name]: create } = module;
        if (typeof create !== 'function') continue;
        this._wrap(module, name, (original) => (...args) => instrument(original(...args), this.#publishes));
      }
      return module;
    })];
  }
}

module.exports = { RedisMessages };
