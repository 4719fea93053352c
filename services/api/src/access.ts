import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler } from 'express';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether a request shows this bearer token; where there is none, no request does. */
export function shows(token: string | undefined): (req: Request) => boolean {
  if (!token) return () => false;
  const expected = digest(`Bearer ${token}`);
  return (req) => timingSafeEqual(digest(req.get('authorization') ?? ''), expected);
}

/** Lets in who shows one of the tokens; everybody where none is set, which is for closed networks alone. */
export function bearer(...tokens: (string | undefined)[]): RequestHandler {
  const known = tokens.filter(Boolean).map(shows);
  return (req, res, next) => {
    if (known.length === 0 || known.some((shown) => shown(req))) return next();
    res.status(401).json({ error: 'Authorization: Bearer <API_TOKEN> is needed', reqId: req.id });
  };
}
