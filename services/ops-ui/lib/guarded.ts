import { randomUUID } from 'node:crypto';
import type { NextApiHandler, NextApiRequest, NextApiResponse } from 'next';
import { getServerSession } from 'next-auth';
import type { Logger } from 'pino';

import { authOptions } from './auth';
import logger from './logger';
import { readSignIn } from './settings';

export interface Known {
  requestId: string;
  userId: string;
  log: Logger;
}
type Handler = (req: NextApiRequest, res: NextApiResponse, known: Known) => Promise<void>;
type Identified = NextApiRequest & { id?: string; user?: { id: string } };

const SAFE = /^[\w.@+-]{1,128}$/;

/** Whether the request comes from our own pages. SameSite keeps the session out of foreign requests; this refuses them by name. */
function isOwn(req: NextApiRequest, url: string): boolean {
  const site = req.headers['sec-fetch-site'];
  return req.headers.origin === new URL(url).origin && (site === undefined || site === 'same-origin');
}

/** A route for users who are signed in; what changes something has to come from our own pages. Other methods are a 405. */
export function guarded(handlers: Record<string, Handler>): NextApiHandler {
  return async (req: Identified, res) => {
    const sent = String(req.headers['x-request-id'] ?? '');
    const requestId = req.id ?? (SAFE.test(sent) ? sent : randomUUID());
    let log = logger.child({ reqId: requestId });
    const answer = (status: number, error: string): void => {
      log.warn({ method: req.method, route: req.url, status }, error);
      res.status(status).json({ error, reqId: requestId });
    };
    res.setHeader('x-request-id', requestId);
    res.setHeader('cache-control', 'no-store');

    const handler = handlers[req.method ?? ''];
    if (!handler) return answer(405, `expected ${Object.keys(handlers).join(' or ')}`);
    const { settings, problem } = readSignIn();
    if (!settings) return answer(503, problem);
    if (req.method !== 'GET' && !isOwn(req, settings.NEXTAUTH_URL)) return answer(403, 'the request comes from another site');
    const session = await getServerSession(req, res, authOptions(settings));
    const userId = session?.user?.name;
    if (!userId) return answer(401, 'sign in first');

    req.user = { id: userId };
    log = log.child({ userId });
    log.info({ method: req.method, route: req.url }, 'received request');
    try {
      await handler(req, res, { requestId, userId, log });
    } catch (err) {
      log.error({ err, route: req.url }, 'request failed');
      res.status(502).json({ error: 'another service does not answer', reqId: requestId });
    }
  };
}
