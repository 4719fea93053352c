import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** Express 4 does not see a rejected promise: this hands it to the error handler. */
export function async(handler: (req: Request, res: Response) => Promise<void>): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    handler(req, res).catch(next);
  };
}
