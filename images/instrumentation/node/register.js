'use strict';

const { basename } = require('node:path');

// They start the service as a child, which gets NODE_OPTIONS as well.
const PACKAGE_MANAGERS = new Set(['npm', 'npx', 'npm-cli.js', 'npx-cli.js', 'yarn', 'yarn.js', 'pnpm', 'pnpm.cjs', 'pnpx', 'corepack', 'corepack.js']);

const off = ['off', 'false', '0', 'no'].includes((process.env.ATLAS_INSTRUMENTATION ?? '').trim().toLowerCase());

if (!off && !PACKAGE_MANAGERS.has(basename(process.argv[1] ?? ''))) {
  try {
    require('./lib/start').start();
  } catch (error) {
    // Not even the log could be started: the service matters more.
    process.stdout.write(`${JSON.stringify({
      timestamp: new Date().toISOString(),
      level: 'warning',
      logger: 'atlas.instrumentation',
      message: `No instrumentation: ${error.message}. The service goes on without.`,
      service: process.env.OTEL_SERVICE_NAME || 'unknown_service',
      exception: error.stack,
    })}\n`);
  }
}
