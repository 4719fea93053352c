import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Lets in who shows API_TOKEN as a bearer token; everybody where it is not set, which is for closed networks alone. */
export function bearer(token: string | undefined): RequestHandler {
  if (!token) return (_req, _res, next) => next();
  const expected = digest(`Bearer ${token}`);
  return (req, res, next) => {
    if (timingSafeEqual(digest(req.get('authorization') ?? ''), expected)) return next();
    res.status(401).json({ error: 'Authorization: Bearer <API_TOKEN> is needed', reqId: req.id });
  };
}
