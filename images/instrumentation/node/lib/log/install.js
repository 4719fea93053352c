'use strict';

const { guardWorkers, isCaptured } = require('./captured');
const { installConsole } = require('./console');
const { createLines } = require('./lines');
const { createLogger, createOnce } = require('./logger');
const { Sink } = require('./sink');
const { installStdout } = require('./stdout');

/** From here on every line on stdout is one JSON object; nothing is where that is another program's data. */
function installLogging(settings) {
  const captured = isCaptured(process.env);
  guardWorkers();
  const sink = captured ? { write() {} } : new Sink();
  const root = createLogger(settings, sink);
  if (!captured) {
    const lines = createLines(root.child({ logger: 'stdout' }), sink, settings.service);
    installConsole(root, lines);
    process.on('exit', installStdout(lines, sink));
  }
  const logger = root.child({ logger: 'atlas.instrumentation' });
  return { captured, root, logger, once: createOnce(logger) };
}

module.exports = { installLogging };
