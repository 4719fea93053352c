import { Router } from 'express';

import type { Streams } from '../streams';

/** GET /sse: server-sent events for as long as the reader stays. */
export function streams(source: Streams): Router {
  const router = Router();
  router.get('/sse', (req, res) => {
    res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
    });
    res.write(': here\n\n');
    const leave = source.join((name, data) => res.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
    req.on('close', () => {
      leave();
      res.end();
    });
  });
  return router;
}
