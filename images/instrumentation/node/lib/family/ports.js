'use strict';

const childProcess = require('node:child_process');
const { syncBuiltinESMExports } = require('node:module');
const { Server } = require('node:net');

const BLOCKING = ['spawnSync', 'execSync', 'execFileSync'];

/**
 * Makes way for the host: a port that it wants itself is given up, in whichever process of the family it asks; and a process that serves
 * nothing and waits, blocked, for one that it starts, leaves the port to that one.
 *
 * @param {number} port of the metrics
 * @param {{giveWay(): Promise<void> | undefined, stepAside(): void}} family
 * @param {WeakSet<object>} own servers of this package
 */
function guardPort(port, family, own) {
  let serves = false;
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    if (own.has(this)) return listen.apply(this, args);
    serves = true;
    const [first] = args;
    const wanted = typeof first === 'object' && first !== null ? first.port : first;
    const free = Number(wanted) === port ? family.giveWay() : undefined;
    if (free === undefined) return listen.apply(this, args);
    free.then(() => listen.apply(this, args)).catch((error) => this.emit('error', error));
    return this;
  };

  for (const name of BLOCKING) {
    const run = childProcess[name];
    childProcess[name] = function (...args) {
      if (!serves) family.stepAside();
      return run.apply(this, args);
    };
  }
  syncBuiltinESMExports();
}

module.exports = { guardPort };
