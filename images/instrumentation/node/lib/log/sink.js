'use strict';

const SonicBoom = require('sonic-boom');

const STDOUT = 1;

/**
 * The one way to stdout. Synchronous, as console.log on a pipe is: a line is out before a crash or a kill.
 * A reader that went away (EPIPE) costs lines and not the service.
 */
class Sink {
  #out = new SonicBoom({ fd: STDOUT, sync: true });

  /** True while the sink itself writes: what it writes is finished and must not come back as a line of the host. */
  writing = false;

  constructor() {
    this.#out.on('error', () => {});
  }

  write(text) {
    this.writing = true;
    try {
      this.#out.write(text);
    } finally {
      this.writing = false;
    }
  }
}

module.exports = { Sink, STDOUT };
