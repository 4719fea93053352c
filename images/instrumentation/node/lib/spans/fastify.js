'use strict';

const { subscribe } = require('node:diagnostics_channel');

const ROUTE = Symbol('atlas.fastify');

/** Finds the template of the route that answers a request: each new Fastify server tells of itself, however it was loaded. */
function watchFastify() {
  subscribe('fastify.initialization', ({ fastify }) => {
    fastify.addHook('onRequest', (request, _reply, done) => {
      // Fastify 3 and the first of 4 have it elsewhere. Where no route answers there is none.
      request.raw[ROUTE] = request.routeOptions?.url ?? request.context?.config?.url;
      done();
    });
  });
}

/** @returns {string | undefined} */
const fastifyRoute = (request) => request[ROUTE];

module.exports = { fastifyRoute, watchFastify };
