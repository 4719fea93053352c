'use strict';

const { installConsole } = require('./console');
const { createLines } = require('./lines');
const { createLogger, createOnce } = require('./logger');
const { Sink } = require('./sink');
const { installStdout } = require('./stdout');

/** From here on every line on stdout is one JSON object. */
function installLogging(settings) {
  const sink = new Sink();
  const root = createLogger(settings, sink);
  const lines = createLines(root.child({ logger: 'stdout' }), sink, settings.service);
  installConsole(root, lines);
  const flush = installStdout(lines, sink);
  process.on('exit', flush);
  const logger = root.child({ logger: 'atlas.instrumentation' });
  return { root, logger, once: createOnce(logger), flush };
}

module.exports = { installLogging };
