import { randomUUID } from 'node:crypto';
import { Router } from 'express';
import { z } from 'zod';

import type { Bus } from '../bus';
import type { Store } from '../store';
import { async } from './async';

/** POST / places an order, GET / lists the newest, GET /:id tells what became of one. */
export function orders(bus: Bus, store: Store, markets: string[]): Router {
  const order = z.strictObject({
    product: z.enum(markets),
    side: z.enum(['buy', 'sell']),
    size: z.number().positive(),
    price: z.number().positive().nullish(),
  });
  const router = Router();

  router.post('/', async(async (req, res) => {
    const wanted = order.parse(req.body);
    const event = { order_id: randomUUID(), user_id: req.user?.id ?? 'anonymous', request_id: req.id, ...wanted };
    await bus.publish('order_request', event);
    req.log.info({ tradeId: event.order_id, ...wanted }, 'order requested');
    res.status(202).location(`/api/orders/${event.order_id}`).json({ orderId: event.order_id });
  }));

  router.get('/', async(async (_req, res) => {
    res.json({ orders: await store.orders(50) });
  }));

  router.get('/:id', async(async (req, res) => {
    const id = z.uuid().safeParse(req.params.id);
    const found = id.success ? await store.order(id.data) : undefined;
    if (found) res.json(found);
    else res.status(404).json({ error: 'no such order (one that was just placed may still be on the bus)', reqId: req.id });
  }));

  return router;
}
