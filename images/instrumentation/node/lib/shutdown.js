'use strict';

const cluster = require('node:cluster');

const SIGNALS = { SIGTERM: 143, SIGINT: 130 };

/** Settles when `work` does, after `milliseconds` at the latest, and never fails. */
function within(milliseconds, work) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    Promise.resolve(work).catch(() => {}).finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Lets nothing be lost at the end. The host's own handlers decide what happens on a signal; when one of them ends the process, that
 * waits for a flush of all that was finished until then. Without any, the process ends by the signal, as it would have.
 *
 * @param {(milliseconds: number) => Promise<void>} flush
 * @param {number} milliseconds the longest that an end may wait
 * @param {() => void} last what is to be done before a signal ends the process, of which no `exit` tells
 */
function installShutdown(flush, milliseconds, last) {
  const ours = new Set();
  const isOurs = (listener) => ours.has(listener);

  // Libraries such as signal-exit end the process themselves when they are the only ones who listen: they are not to see us.
  const { listeners, listenerCount } = process;
  process.listeners = (event) => listeners.call(process, event).filter((each) => !isOurs(each));
  process.listenerCount = (event, ...rest) =>
    listenerCount.call(process, event, ...rest) - (rest.length === 0 && event in SIGNALS ? listeners.call(process, event).filter(isOurs).length : 0);

  let flushes = Promise.resolve();
  /** A span ends a moment after its answer was read. An earlier flush may still be sending what this one does not see any more. */
  function flushed() {
    flushes = Promise.all([flushes, new Promise(setImmediate).then(() => flush(milliseconds))]);
    return flushes;
  }

  let exit;
  function holdExit() {
    if (exit !== undefined) return;
    exit = process.exit;
    let ending;
    process.exit = (code) => {
      if (code !== undefined) process.exitCode = code;
      ending ??= flushed().finally(() => exit.call(process));
    };
  }

  for (const [signal, code] of Object.entries(SIGNALS)) {
    const onSignal = () => {
      const alone = process.listenerCount(signal) === 0;
      holdExit();
      const out = flushed(); // at once, for a host whose end may take longer than it is given
      if (!alone) return;
      out.finally(() => {
        last();
        process.removeListener(signal, onSignal);
        process.kill(process.pid, signal);
        // The kernel spares process 1 of a container: it ends by itself, with the code that a shell would tell.
        setTimeout(() => exit.call(process, code), 100);
      });
    };
    ours.add(onSignal);
    process.on(signal, onSignal);
    // Node, which does not see us either, stops listening with the last listener of the host.
    process.on('removeListener', (event) => {
      if (event !== signal || process.listenerCount(signal) > 0 || !listeners.call(process, signal).includes(onSignal)) return;
      process.removeListener(signal, onSignal);
      process.on(signal, onSignal);
    });
  }

  // A worker whose primary has gone is ended by Node itself, by process.exit. Only there: in any other child this listener would keep the
  // channel to the parent, and so the process, alive.
  if (cluster.isWorker) process.prependListener('disconnect', holdExit);

  let drained = false;
  process.on('beforeExit', () => {
    if (drained) return;
    drained = true;
    flush(milliseconds);
  });
}

module.exports = { installShutdown, within };
