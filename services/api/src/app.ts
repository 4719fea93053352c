import express, { type Express } from 'express';

import { bearer, shows } from './access';
import type { Bus } from './bus';
import { failed, identify } from './requests';
import { faults } from './routes/faults';
import { killSwitch } from './routes/kill_switch';
import { orders } from './routes/orders';
import { streams } from './routes/streams';
import type { Settings } from './settings';
import type { Store } from './store';
import type { Streams } from './streams';

/** The routes. Whatever is below /api asks for a client's or ops-ui's token where one is set. */
export function createApp(settings: Settings, bus: Bus, store: Store, source: Streams): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  app.use(identify(shows(settings.OPS_UI_TOKEN)));
  app.use(express.json({ limit: '16kb' }));
  app.get('/', (_req, res) => {
    res.json({ service: 'api', markets: settings.ALLOWED_MARKETS });
  });
  app.use('/api', bearer(settings.API_TOKEN, settings.OPS_UI_TOKEN));
  app.use('/api/orders', orders(bus, store, settings.ALLOWED_MARKETS));
  app.use('/api/kill-switch', killSwitch(bus));
  if (settings.USE_SSE) app.use('/api/streams', streams(source));
  if (settings.FAULTS) app.use('/api/faults', faults(bus));
  app.use((req, res) => {
    res.status(404).json({ error: 'no such route', reqId: req.id });
  });
  app.use(failed);
  return app;
}
