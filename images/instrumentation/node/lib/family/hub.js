'use strict';

const { createServer } = require('node:net');
const { unlinkSync } = require('node:fs');
const { lasting, late } = require('./snapshot');
const { merge } = require('./merge');
const { numbers, onMessages, toLine } = require('./wire');

/** Milliseconds that a scrape waits for the other processes. */
const DEADLINE = 1000;

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * The process that has the metrics port, and those that tell it theirs. What was served never gets less: a process that does not answer
 * counts with its last figures, and of one that has ended its sums stay.
 */
class Hub {
  #id;
  #read;
  #members = new Map();
  #ended = [];
  #gone = false;
  #round;
  #server;

  /** @param {string} id of this process  @param {() => Promise<object[]>} read its metrics */
  constructor(id, read) {
    this.#id = id;
    this.#read = read;
  }

  /** Takes over what the one before was served with. It may still live, and then tells its figures itself. */
  inherit({ id, pid, last, ended }) {
    this.#ended = numbers(ended);
    if (id !== this.#id) this.#members.set(id, { pid, last: numbers(last) });
  }

  /**
   * Other processes of the same user may connect from here on.
   * @param {{created: (server: object) => void, onGiveWay: () => void, onError: (error: Error) => void}} events
   */
  listen(path, { created, onGiveWay, onError }) {
    this.#server = createServer((socket) => this.#welcome(socket, onGiveWay)).on('error', onError);
    created(this.#server);
    try {
      unlinkSync(path); // of one that was killed: who has the port is alone here
    } catch {}
    const mask = process.umask(0o177);
    try {
      this.#server.listen({ path, exclusive: true });
    } finally {
      process.umask(mask);
    }
    this.#server.unref();
  }

  #welcome(socket, onGiveWay) {
    let member;
    socket.unref();
    socket.on('error', () => {});
    onMessages(socket, (message) => {
      if (message.hello) {
        member = { pid: message.pid, thread: message.thread, last: this.#members.get(message.hello)?.last ?? [], socket };
        this.#members.set(message.hello, member);
      }
      if (message.hello && this.#gone) socket.write(toLine({ gone: true }));
      if (message.giveWay) onGiveWay();
      if (message.metrics && member) {
        member.last = numbers(message.metrics);
        member.answer?.();
        member.answer = undefined;
      }
      if (message.lasting && member) {
        member.last = numbers(message.lasting);
        member.final = true;
      }
    });
    socket.on('close', () => {
      if (member === undefined) return;
      member.socket = undefined;
      member.answer?.();
      member.answer = undefined;
    });
  }

  /** Not waited for is who has not answered the last time. */
  #ask(member, question) {
    if (member.socket === undefined || member.answer !== undefined) return undefined;
    member.socket.write(question);
    return new Promise((resolve) => {
      member.answer = resolve;
    });
  }

  /** A connection may end before its process does, and a process comes again under its id. */
  #bury() {
    for (const [id, { pid, thread, socket, final, last }] of this.#members) {
      if (socket === undefined && (final || thread || !lives(pid))) {
        this.#ended = merge([this.#ended, lasting(last)]);
        this.#members.delete(id);
      }
    }
  }

  #legacy(last) {
    return { id: this.#id, pid: process.pid, last, ended: this.#ended };
  }

  async #collect() {
    const own = await this.#read();
    this.#bury();
    const question = this.#members.size === 0 ? '' : toLine({ ask: true, legacy: this.#legacy(own) });
    const answers = Array.from(this.#members.values(), (member) => this.#ask(member, question));
    await Promise.race([Promise.all(answers), late(DEADLINE)]);
    this.#bury();
    return merge([own, ...Array.from(this.#members.values(), ({ last }) => last), this.#ended]);
  }

  /** All processes' metrics. Scrapes at the same time share one round. */
  collect() {
    this.#round ??= this.#collect().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Tells the others what whoever comes next has to know. `last`: this process' own sums at its end. */
  bequeath(last) {
    this.#bury();
    for (const { socket } of this.#members.values()) socket?.write(toLine({ legacy: this.#legacy(last) }));
  }

  /** Tells the others that the port belongs to the host: nobody is to open it again. */
  tellGone() {
    this.#gone = true;
    for (const { socket } of this.#members.values()) socket?.write(toLine({ gone: true }));
  }

  close() {
    this.#server?.close();
    for (const { socket } of this.#members.values()) socket?.destroy();
  }
}

module.exports = { Hub };
