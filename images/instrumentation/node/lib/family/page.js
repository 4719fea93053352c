'use strict';

const http = require('node:http');
const { toPage } = require('./merge');

/**
 * The server of `/metrics`.
 * @param {() => Promise<object[]>} collect
 * @param {{error(fields: object, message: string): void}} logger
 */
function createPage(collect, logger) {
  return http.createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Metrics are at /metrics.\n');
      return;
    }
    const open = /application\/openmetrics-text/.test(request.headers.accept ?? '');
    collect()
      .then((metrics) => toPage(metrics, open))
      .then(({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text))
      .catch((error) => {
        logger.error({ reason: error.message }, 'A scrape of the metrics failed.');
        response.writeHead(500).end();
      });
  });
}

module.exports = { createPage };
