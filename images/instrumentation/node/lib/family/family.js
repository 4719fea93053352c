'use strict';

const { randomBytes } = require('node:crypto');
const { unlinkSync } = require('node:fs');
const { connect } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Hub } = require('./hub');
const { createPage } = require('./page');
const { readLasting, readMetrics } = require('./snapshot');
const { onMessages, toLine } = require('./wire');

/** Inherited by all that a process starts: where its family meets. */
const FAMILY = 'ATLAS_METRICS_FAMILY';
/** Characters. A socket's address ends after 107, and Node cuts off the rest without a word: families would meet. */
const LONGEST_FOLDER = 36;
/** Milliseconds that a host's own `collect` may take. */
const READ_MS = 800;
/** Milliseconds that a host waits for the port that another process of its family has. */
const GIVE_WAY_MS = 1000;
/** Tries to find the port free or its owner's socket there, each after twice the time of the one before: 1.5 s in all. */
const TRIES = 5;
const FIRST_WAIT_MS = 50;

/** Processes of one family that want the same port share one socket, with a name that nobody guesses. */
function meetingPoint(env, { port, host }) {
  const inherited = /[/\\]atlas-metrics-[0-9a-f]{32}$/.test(env[FAMILY] ?? '');
  if (!inherited) env[FAMILY] = join(tmpdir().length > LONGEST_FOLDER ? '/tmp' : tmpdir(), `atlas-metrics-${randomBytes(16).toString('hex')}`);
  return { inherited, path: `${env[FAMILY]}-${(host ?? '').replace(/[^\w.]/g, '_').slice(0, 15)}-${port}` };
}

/**
 * One of a family of processes, which are served at one port: whoever has the port asks the others. The port is also what decides who that
 * is, so that there is never a second one; when its owner ends another process opens it.
 */
class Family {
  #path;
  #inherited;
  #address;
  #registries;
  #log;
  #own;
  #id = randomBytes(8).toString('hex');
  #tries = 0;
  #page;
  #hub;
  #owner;
  #connecting = false;
  #legacy;
  #gone = false;
  #onGone = () => {};

  /**
   * @param {{port: number, host: string | undefined}} address of the metrics
   * @param {() => Iterable<import('prom-client').Registry>} registries ours first
   * @param {{logger: import('pino').Logger, once: (message: string, fields?: object) => void}} log
   * @param {WeakSet<object>} own servers that nothing is done to
   */
  constructor(address, registries, log, own) {
    ({ path: this.#path, inherited: this.#inherited } = meetingPoint(process.env, address));
    this.#address = address;
    this.#registries = registries;
    this.#log = log;
    this.#own = own;
    process.on('exit', () => this.end());
  }

  /** Not before the service's own code has run: one that starts the real service and waits for it, blocked, is not to have the port. */
  start() {
    setImmediate(() => this.#join()).unref();
  }

  #read() {
    return readMetrics(this.#registries(), READ_MS, (name, error) => {
      this.#log.once(`The service's metric ${name} cannot be read; the others are served.`, { reason: error?.message });
    });
  }

  #join() {
    if (!this.#gone && !this.#hub && !this.#owner && !this.#connecting) this.#find(() => {}, () => this.#lead());
  }

  #find(found, absent) {
    this.#connecting = true;
    const socket = connect(this.#path).unref();
    const failed = () => {
      this.#connecting = false;
      absent();
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      this.#connecting = false;
      socket.removeListener('error', failed);
      this.#follow(socket);
      found(socket);
    });
  }

  #again() {
    setTimeout(() => this.#join(), FIRST_WAIT_MS * 2 ** this.#tries).unref();
    this.#tries = Math.min(this.#tries + 1, TRIES);
  }

  /** Another process has the port. */
  #follow(socket) {
    this.#owner = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#owner = undefined;
      this.#onGone();
      this.#again();
    });
    onMessages(socket, ({ ask, gone, legacy }) => {
      this.#tries = 0;
      if (legacy) this.#legacy = legacy;
      if (ask) this.#read().then((metrics) => socket.write(toLine({ metrics })));
      if (gone) {
        this.#gone = true;
        this.#onGone();
      }
    });
    socket.write(toLine({ hello: this.#id, pid: process.pid }));
  }

  #lead() {
    if (this.#gone) return;
    const page = createPage(() => this.#hub.collect(), this.#log.logger);
    this.#own.add(page);
    page.once('error', (error) => {
      this.#page = undefined;
      if (error.code === 'EADDRINUSE' && this.#tries < TRIES) this.#again();
      else {
        this.#log.once(`No metrics on port ${this.#address.port}: it cannot be opened. The service goes on without them.`, { reason: error.message });
      }
    });
    this.#page = page;
    page.listen({ ...this.#address, exclusive: true }, () => {
      this.#tries = 0;
      this.#meet();
    });
    page.unref();
  }

  /** From here on the other processes find this one. */
  #meet() {
    this.#hub = new Hub(this.#id, () => this.#read());
    if (this.#legacy) this.#hub.inherit(this.#legacy);
    this.#hub.listen(this.#path, {
      created: (server) => this.#own.add(server),
      onGiveWay: () => this.#leaveThePort(),
      onError: (error) => {
        this.#log.once('Metrics are of this process alone: there is no place for a socket at which the processes that it starts could tell theirs.', { reason: error.message });
      },
    });
  }

  /** The host has the port, for as long as this family lives. */
  #leaveThePort() {
    if (this.#gone) return;
    this.#gone = true;
    this.#page?.close();
    this.#page?.closeAllConnections();
    if (this.#hub === undefined) this.#meet();
    this.#hub.tellGone();
    this.#log.logger.warn(`No metrics on port ${this.#address.port}: the service itself listens there.`);
  }

  #askForThePort(done) {
    const ask = (owner) => {
      this.#onGone = done;
      owner.write(toLine({ giveWay: true }));
    };
    if (this.#owner) ask(this.#owner);
    else {
      this.#find(ask, () => {
        this.#leaveThePort();
        done();
      });
    }
  }

  /**
   * The host is about to listen on the port.
   * @returns {Promise<void> | undefined} the port is free then; undefined where it is free now
   */
  giveWay() {
    if (this.#gone) return undefined;
    if (!this.#owner && (this.#page || !this.#inherited)) {
      this.#leaveThePort();
      return undefined;
    }
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, GIVE_WAY_MS); // it keeps the process alive, as the server on its way would
      this.#askForThePort(() => {
        clearTimeout(timer);
        resolve();
      });
    }).then(() => {
      this.#gone = true;
    });
  }

  /** This process is about to be blocked until one that it starts has ended: that one may have the port, and the others are to be asked. */
  stepAside() {
    if (this.#gone || !this.#page) return;
    this.#hub?.bequeath(this.#lasting());
    this.#hub?.close();
    this.#page.close();
    this.#page.closeAllConnections();
    this.#hub = undefined;
    this.#page = undefined;
    this.start();
  }

  #lasting() {
    return readLasting(this.#registries());
  }

  /** Tells the sums of this process, since it may soon end. */
  tell() {
    if (this.#owner) this.#owner.write(toLine({ lasting: this.#lasting() }));
    else this.#hub?.bequeath(this.#lasting());
  }

  /** The last thing before the process ends. */
  end() {
    this.tell();
    if (!this.#hub) return;
    try {
      unlinkSync(this.#path);
    } catch {}
  }
}

module.exports = { Family };
