import { setTimeout as sleep } from 'node:timers/promises';
import { Router } from 'express';
import { z } from 'zod';

import type { Bus } from '../bus';
import { async } from './async';

const fault = z.strictObject({
  kind: z.enum(['bus_lag', 'feed_frozen', 'exposure_frozen', 'kill_switch_fails']),
  seconds: z.number().min(0).max(3600),
  delay: z.number().min(0).max(30).optional(),
  product: z.string().optional(),
});
const slow = z.coerce.number().min(0).max(10_000);

/** Faults on purpose, for drills; mounted with FAULTS=true alone. POST / asks the workers for one, GET /slow and /error are ours. */
export function faults(bus: Bus): Router {
  const router = Router();
  router.post('/', async(async (req, res) => {
    const wanted = fault.parse(req.body);
    await bus.publish('fault', wanted);
    res.status(202).json(wanted);
  }));
  router.get('/slow', async(async (req, res) => {
    await sleep(slow.parse(req.query.milliseconds));
    res.json({ slow: true });
  }));
  router.get('/error', async(async () => {
    throw new Error('a fault on purpose');
  }));
  return router;
}
