import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import type { Logger } from 'pino';
import { ZodError } from 'zod';

import logger from './logger';

declare module 'express-serve-static-core' {
  interface Request {
    id: string;
    /** As Passport leaves it. */
    user?: { id: string };
    /** The service's logger with the request's and the user's ids. */
    log: Logger;
  }
}

const SAFE = /^[\w.@+-]{1,128}$/;

/**
 * Gives each request its id (one that it has, the caller's `x-request-id`, or a new one; it goes back) and its user, and logs it.
 * `x-user-id` is anybody's word, and counts from those alone who are `believed`.
 */
export const identify = (believed: (req: Request) => boolean): RequestHandler => (req, res, next) => {
  const id = req.get('x-request-id');
  const user = believed(req) ? req.get('x-user-id') : undefined;
  req.id ??= id && SAFE.test(id) ? id : randomUUID();
  if (user && SAFE.test(user)) req.user = { id: user };
  req.log = logger.child({ reqId: req.id, userId: req.user?.id });
  res.setHeader('x-request-id', req.id);
  const began = performance.now();
  const asked = { method: req.method, route: req.path }; // routers change the path on the way
  req.log.info(asked, 'received request');
  res.on('finish', () => {
    const milliseconds = Math.round(performance.now() - began);
    req.log.info({ ...asked, status: res.statusCode, milliseconds }, 'answered request');
  });
  next();
};

/** What a handler threw, as JSON: 400 for a wrong body, the error's own status, else 500 without its words. */
export const failed: ErrorRequestHandler = (error, req, res, _next) => {
  if (error instanceof ZodError) {
    const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
    res.status(400).json({ error: problems.join('; '), reqId: req.id });
    return;
  }
  const status = typeof error.status === 'number' ? error.status : 500;
  if (status >= 500) req.log.error({ err: error, route: req.path }, 'request failed');
  res.status(status).json({ error: status === 500 ? 'internal error' : error.message, reqId: req.id });
};
