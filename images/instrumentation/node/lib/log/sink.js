'use strict';

const SonicBoom = require('sonic-boom');
const { LINE, shrink } = require('./shrink');

const STDOUT = 1;

/**
 * The one way to stdout. Synchronous, as console.log on a pipe is: a line is out before a crash or a kill.
 * A reader that went away (EPIPE) costs lines and not the service.
 */
class Sink {
  #out = new SonicBoom({ fd: STDOUT, sync: true });

  /** True while the sink itself writes: what it writes is finished and must not come back as a line of the host. */
  writing = false;

  /** This package's process.stdout.write. A host may have put its own before it since, which hides what is not to be seen. */
  ours = undefined;

  /** True while what has come through process.stdout.write, or past it, is made a line. */
  taking = false;

  /** The line that goes through a host's process.stdout.write at the moment. */
  passing = undefined;

  constructor() {
    this.#out.on('error', () => {});
  }

  /** @param {string} text a line with its end */
  write(text) {
    // A character is three bytes at most.
    const isLong = text.length > LINE / 3 && Buffer.byteLength(text) > LINE;
    const line = isLong ? `${shrink(text.trimEnd()) ?? '{}'}\n` : text;
    const { write } = process.stdout;
    if (write === this.ours || this.ours === undefined || this.taking || this.passing !== undefined) {
      this.finish(line);
      return;
    }
    this.passing = line;
    try {
      write.call(process.stdout, line);
    } catch {
      // The console itself takes no notice of a stream that fails.
    } finally {
      this.passing = undefined;
    }
  }

  finish(line) {
    this.writing = true;
    try {
      this.#out.write(line);
    } finally {
      this.writing = false;
    }
  }
}

module.exports = { Sink, STDOUT };
