import { Router } from 'express';
import { z } from 'zod';

import type { Bus } from '../bus';
import { async } from './async';

const change = z.strictObject({ engaged: z.boolean(), reason: z.string().min(1).max(200) });

/** POST / engages or releases the kill switch of every worker that hears it. */
export function killSwitch(bus: Bus): Router {
  const router = Router();
  router.post('/', async(async (req, res) => {
    const wanted = change.parse(req.body);
    await bus.publish('kill_switch', { ...wanted, user_id: req.user?.id ?? 'anonymous', request_id: req.id });
    req.log.warn(wanted, 'kill switch');
    res.status(202).json(wanted);
  }));
  return router;
}
