'use strict';

const { expressRoute } = require('../spans/express');
const { fastifyRoute } = require('../spans/fastify');

/** One word for all that has no route: raw paths would be as many series as there are paths. */
const UNMATCHED = 'unmatched';

// Where Next.js keeps what it knows of a request: `match` is the page or API route that answers it.
const NEXT = Symbol.for('NextInternalRequestMeta');
const NO_PAGE = new Set(['/_not-found', '/_not-found/page', '/_error', '/404', '/500']);

/**
 * The template of the route that answers a request (`/api/orders/:id`, `/api/orders/[id]`).
 * @param {{route?: string}} rpc what an instrumentation of another framework found
 */
function routeOf(request, rpc) {
  const next = request[NEXT];
  if (next !== undefined) {
    const page = next.match?.definition?.pathname;
    return page === undefined || NO_PAGE.has(page) ? UNMATCHED : page;
  }
  return expressRoute(request) || fastifyRoute(request) || rpc.route || UNMATCHED;
}
routeOf.UNMATCHED = UNMATCHED;

module.exports = { routeOf };
